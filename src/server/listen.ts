import { type LoadedSettings, loadSettings } from "../config/load.ts";
import type { SettingsInput } from "../config/schema.ts";
import type { HttpServer, ServerOptions } from "../net/http-server.ts";
import { listen } from "../net/listen.ts";
import { serverUrl } from "../package-info.ts";
import { createLog, type Logger } from "../telemetry/log.ts";
import { openPorts } from "./ports.ts";
import { makeSwitchboard, type Switchboard } from "./switchboard.ts";

/** A running server. */
export interface SwitchboardServer {
  readonly port: number;
  /** Where it listens, such as `http://127.0.0.1:8080`. */
  readonly url: string;
  /** Resolves when an operator asks for the drain over HTTP. */
  readonly drainRequested: Promise<void>;
  /** Sends every device elsewhere; resolves when the last has left, or after `settings.drain`. */
  drain(): Promise<void>;
  /** Ends everything at once. */
  stop(): Promise<void>;
  /** @internal What the process has for the other workers of its machine. */
  readonly workerSettings: Switchboard["workerSettings"];
}

/**
 * Runs a server in your own program: `options` are all that it reads, neither the environment nor a settings file. Rejects with an
 * Error of one line when an option is wrong, or a file, a key or a port is unusable.
 */
export async function createSwitchboard(options: SettingsInput, log?: Logger): Promise<SwitchboardServer> {
  const settings = loadSettings({ object: options });
  if (!settings.ok) throw new Error(settings.error);
  return await startSwitchboard(settings.value, log ?? createLog(settings.value.log));
}

/**
 * Makes a switchboard and listens. Rejects with an Error of one line when a file, a key or a port is unusable.
 *
 * @internal
 */
export async function startSwitchboard(settings: LoadedSettings, log: Logger): Promise<SwitchboardServer> {
  const switchboard = await makeSwitchboard(settings, log);
  try {
    const { port } = await listenForClients(switchboard);
    if (settings.admin.port > 0) await listenForOperators(switchboard);
    const { workerSettings, drainRequested, drain, stop, certificate, host } = switchboard;
    const url = serverUrl(certificate !== undefined, host, port);
    return { port, url, workerSettings, drainRequested, drain, stop };
  } catch (error) {
    await switchboard.stop();
    throw error;
  }
}

async function listenForClients(switchboard: Switchboard): Promise<HttpServer> {
  const { settings, host, certificate } = switchboard;
  const { port: wanted, reusePort } = settings;
  // A connection to a port that is shared may reach a process that has no TURN.
  const stun = reusePort ? undefined : switchboard.stun;
  const open = ({ port }: { readonly port: number }): Promise<HttpServer> =>
    listen({
      ...common(switchboard),
      host,
      port,
      reusePort,
      tls: certificate,
      ...(stun && { stun }),
      sockets: switchboard.routes,
      refuse: switchboard.refuse,
      turn: switchboard.turn,
      fetch: switchboard.fetch,
    });
  const server = await openPorts(switchboard, { port: wanted }, open).catch((error: unknown) => {
    throw new Error(refusedAddress(error, settings));
  });
  switchboard.carriedBy({
    ...(certificate && stun && { stunPort: server.port }),
    ...(certificate && { useCertificate: (pair) => server.useCertificate(pair) }),
    stop: () => server.stop(),
  });
  return server;
}

async function listenForOperators(switchboard: Switchboard): Promise<void> {
  const shared = common(switchboard);
  const { admin } = switchboard.settings;
  const { host } = admin;
  const open = ({ "admin.port": port }: { readonly "admin.port": number }): Promise<HttpServer> =>
    listen({
      ...shared,
      connections: { ...shared.connections, evenWhenShort: true },
      ...{ host, port, tls: undefined, sockets: [] },
      fetch: switchboard.fetchAdmin,
    }).catch((error: NodeJS.ErrnoException) => {
      throw Object.assign(new Error(`setting admin.port: ${error.message}`), { code: error.code });
    });
  const server = await openPorts(switchboard, { "admin.port": admin.port }, open);
  switchboard.carriedBy({ stop: () => server.stop() });
}

/** What holds for each of its ports. */
function common({
  settings: { limits, trustedProxies },
  cut,
  fault,
}: Switchboard): Omit<ServerOptions, "host" | "port" | "tls" | "sockets" | "fetch"> {
  return {
    // Somewhat too large is for the core to answer; far too large is cut off here.
    messageBytes: limits.frameBytes * 2,
    bufferedBytes: limits.sendBuffer * 2,
    bodyBytes: limits.frameBytes * 8,
    trustedProxies,
    // Beside its links an address loads pages, and asks again by HTTP.
    connections: { perAddress: limits.linksPerAddress + 1_000, cut },
    fault,
  };
}

function refusedAddress(error: unknown, { port, host }: LoadedSettings): string {
  const { code, message } = error as NodeJS.ErrnoException;
  switch (code) {
    case "EACCES":
      return `setting port: this user may not listen on ${port}`;
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
      return `setting host: ${host} is no address of this machine`;
    default:
      return message;
  }
}
