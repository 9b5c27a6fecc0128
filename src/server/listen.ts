import { type LoadedSettings, loadSettings } from "../config/load.ts";
import type { SettingsInput } from "../config/schema.ts";
import type { HandlerOptions, HttpServer, ServerOptions } from "../net/http-server.ts";
import { listen } from "../net/listen.ts";
import type { NodeHost } from "../net/node-host.ts";
import { serverUrl } from "../package-info.ts";
import { createLog, type Logger } from "../telemetry/log.ts";
import { createToken, type TokenRequest } from "./create-token.ts";
import { Embedding } from "./embed.ts";
import type { BunHost, BunSocketHandlers, FastifyHost } from "./hosts.ts";
import type { Functions } from "./observers.ts";
import { openPorts } from "./ports.ts";
import type { Part } from "./service.ts";
import { makeSwitchboard, type Switchboard } from "./switchboard.ts";

/** Settings, what the application decides by functions, and functions that hear events. */
export type SwitchboardOptions = SettingsInput & Functions;

/** What every switchboard has, whoever listens for it. */
interface Running {
  /** Signs a token with `tokens.secret`. Rejects where that is empty, or something is wrong with the claims. */
  createToken(claims: TokenRequest): Promise<string>;
  /** Resolves when an operator asks for the drain over HTTP. */
  readonly drainRequested: Promise<void>;
  /** Sends every device elsewhere; resolves when the last has left, or after `settings.drain`. */
  drain(): Promise<void>;
  /** Ends everything at once. */
  stop(): Promise<void>;
}

/** A switchboard that takes part in servers of the application. */
export interface EmbeddedSwitchboard extends Running {
  /**
   * Takes part in a server: one of Node (`node:http`, `node:https`, what Express and Hono listen with), a Fastify instance, or a
   * `Bun.serve`. Whatever is not below the setting `path` stays the application's, and so do upgrades other than ours. When the server is
   * closed, devices are sent elsewhere, and everything ends.
   */
  attach(server: NodeHost | FastifyHost | BunHost): void;
  /** For the `fetch` of a `Bun.serve`: answers what is ours; undefined for everything else. */
  fetch(request: Request, server: BunHost): Response | Promise<Response> | undefined;
  /** For the `websocket` of a `Bun.serve`: handlers of our sockets, and for all others the application's own. */
  websocket(own?: object): BunSocketHandlers;
}

/** A server that listens itself. */
export interface SwitchboardServer extends Running {
  readonly port: number;
  /** Where it listens, such as `http://127.0.0.1:8080`. */
  readonly url: string;
  /** @internal What the process has for the other workers of its machine. */
  readonly workerSettings: Switchboard["workerSettings"];
}

/**
 * Runs a server in your own program: `options` are all that it reads, neither the environment nor a settings file. With `listen: false`
 * it opens no port for HTTP, and takes part in a server of yours. Rejects with an Error of one line when an option is wrong, or a file, a key
 * or a port is unusable.
 */
export function createSwitchboard(
  options: SwitchboardOptions & { readonly listen: false },
  log?: Logger,
): Promise<EmbeddedSwitchboard>;
export function createSwitchboard(
  options: SwitchboardOptions & { readonly listen?: true },
  log?: Logger,
): Promise<SwitchboardServer>;
export async function createSwitchboard(
  {
    authenticate,
    authorize,
    wake,
    observers = [],
    listen = true,
    ...object
  }: SwitchboardOptions & { readonly listen?: boolean },
  log?: Logger,
): Promise<EmbeddedSwitchboard | SwitchboardServer> {
  const functions = Object.entries({ authenticate, authorize, wake }).filter(
    ([, hook]) => hook !== undefined,
  );
  const wrong = functions.find(([, hook]) => typeof hook !== "function");
  if (wrong !== undefined) throw new Error(`option ${wrong[0]}: must be a function`);
  if (!Array.isArray(observers) || observers.some((one) => typeof one !== "function"))
    throw new Error("option observers: must be a list of functions");
  const hooks: Functions = { ...Object.fromEntries(functions), observers };
  const settings = loadSettings({ object });
  if (!settings.ok) throw new Error(settings.error);
  const ownLog = log ?? createLog(settings.value.log);
  if (listen) return await startSwitchboard(settings.value, ownLog, hooks);
  return await embedSwitchboard(settings.value, ownLog, hooks);
}

/**
 * Makes a switchboard that takes part in servers of the application. `only`: see {@link Embedding.make}.
 *
 * @internal
 */
export async function embedSwitchboard(
  settings: LoadedSettings,
  log: Logger,
  hooks: Functions,
  { parts, only }: { readonly parts?: readonly Part[]; readonly only?: RegExp } = {},
): Promise<EmbeddedSwitchboard> {
  const switchboard = await makeSwitchboard(settings, log, hooks, parts);
  try {
    const { routes: sockets, refuse, turn, fetch, drainRequested, drain, stop } = switchboard;
    const handler = { ...handling(switchboard), ...{ sockets, refuse, turn, fetch } };
    const embedding = await Embedding.make(switchboard, handler, only);
    if (settings.admin.port > 0) await listenForOperators(switchboard);
    return {
      attach: (server) => embedding.attach(server),
      fetch: (request, server) => embedding.fetch(request, server),
      websocket: (own = {}) => embedding.websocket(own),
      createToken: (claims) => createToken(settings, claims),
      ...{ drainRequested, drain, stop },
    };
  } catch (error) {
    await switchboard.stop();
    throw error;
  }
}

/**
 * Makes a switchboard and listens. Rejects with an Error of one line when a file, a key or a port is unusable.
 *
 * @internal
 */
export async function startSwitchboard(
  settings: LoadedSettings,
  log: Logger,
  hooks: Functions = {},
): Promise<SwitchboardServer> {
  const switchboard = await makeSwitchboard(settings, log, hooks);
  try {
    const { port } = await listenForClients(switchboard);
    if (settings.admin.port > 0) await listenForOperators(switchboard);
    const { workerSettings, drainRequested, drain, stop, certificate, host } = switchboard;
    const url = serverUrl(certificate !== undefined, host, port) + settings.path;
    return {
      ...{ port, url, workerSettings, drainRequested, drain, stop },
      createToken: (claims) => createToken(settings, claims),
    };
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
function common(
  switchboard: Switchboard,
): Omit<ServerOptions, "host" | "port" | "tls" | "sockets" | "fetch"> {
  const { cut, settings } = switchboard;
  return {
    ...handling(switchboard),
    // Beside its links an address loads pages, and asks again by HTTP.
    connections: { perAddress: settings.limits.linksPerAddress + 1_000, cut },
  };
}

/** What holds for requests and sockets, whoever listens. */
function handling({
  settings: { limits, trustedProxies },
  fault,
}: Switchboard): Omit<HandlerOptions, "sockets" | "fetch"> {
  return {
    // Somewhat too large is for the core to answer; far too large is cut off here.
    messageBytes: limits.frameBytes * 2,
    bufferedBytes: limits.sendBuffer * 2,
    bodyBytes: limits.frameBytes * 8,
    trustedProxies,
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
