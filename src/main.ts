import { loadSettings } from "./config/load.ts";
import { withKeyText } from "./config/public-key.ts";
import type { Settings, SettingsInput } from "./config/schema.ts";
import { createApp } from "./http/app.ts";
import { type CertificatePair, readCertificate, watchCertificate } from "./net/certificate-files.ts";
import { every, now, until } from "./net/clock.ts";
import type { CutReason } from "./net/connection-caps.ts";
import { watchDescriptors } from "./net/descriptors.ts";
import type { Client } from "./net/http-server.ts";
import { listen } from "./net/listen.ts";
import { nodeName, packageVersion, pageFolder, serverUrl } from "./package-info.ts";
import { joinCluster } from "./server/cluster.ts";
import { corePorts } from "./server/core-ports.ts";
import { startSipService } from "./server/sip.ts";
import { startTurnService } from "./server/turn.ts";
import { Core } from "./signaling/core.ts";
import type { CoreEvent } from "./signaling/events.ts";
import { logEvent } from "./telemetry/event-log.ts";
import { createLog, type Logger } from "./telemetry/log.ts";
import { Metrics } from "./telemetry/metrics.ts";
import { AccessPolicy } from "./transports/access-policy.ts";
import { Admission } from "./transports/admission.ts";
import { HttpPoll } from "./transports/http-poll.ts";
import { websocketRoute } from "./transports/websocket.ts";

/** How often the core's deadlines and the certificate's files are looked at. ms */
const [tickInterval, certificateInterval] = [25, 1_000];
/** How long a node of a cluster stays after its last device has left. ms */
const lingerFor = 1_500;

/** A running server. */
export interface Switchboard {
  readonly port: number;
  /** Where it listens, such as `http://127.0.0.1:8080`. */
  readonly url: string;
  /** What the embedded TURN server is told by: a list for each of its threads; empty where there is none. */
  readonly turnUrls: readonly (readonly string[])[];
  /** Resolves when an operator asks for the drain over HTTP. */
  readonly drainRequested: Promise<void>;
  /** Sends every device elsewhere; resolves when the last has left, or after `settings.drain`. */
  drain(): Promise<void>;
  /** Ends everything at once. */
  stop(): Promise<void>;
}

/** A server in your own program: no environment, no file. Rejects as {@link startSwitchboard}, or for a wrong option. */
export async function createSwitchboard(options: SettingsInput, log?: Logger): Promise<Switchboard> {
  const settings = loadSettings({ object: options });
  if (!settings.ok) throw new Error(settings.error);
  return await startSwitchboard(settings.value, log ?? createLog(settings.value.log));
}

/** Joins the parts and listens. Rejects with an Error of one line when a file, a key or the port is unusable. */
export async function startSwitchboard(settings: Settings, log: Logger): Promise<Switchboard> {
  const { limits, tls, dev: development } = settings;
  const metrics = new Metrics(() => core.stats());
  const host = settings.host || (development ? "127.0.0.1" : "0.0.0.0");
  const certificate = tls.cert === "" ? undefined : readCertificate(tls.cert, tls.key);
  const ice = {
    ...settings,
    ttl: settings.turn.ttl,
    turn: () => turn.service(certificate && stun && server.port),
  };
  const emit = (event: CoreEvent): void => {
    if (event.type === "kicked") turn.revoke(event.user, event.device);
    metrics.observe(event);
    logEvent(log, event);
  };
  const fault = (where: string, error: unknown): void => emit({ type: "fault", where, error });
  if (settings.ticketKey === "") log.info("no ticketKey is set: session tickets die with this process");
  const ports = corePorts({ ...settings, ice, tokens: withKeyText(settings.tokens) }, now, emit);
  const node = nodeName(settings.node);
  const cluster = joinCluster(settings, node, log, fault);
  const { backplane } = cluster;
  /** What a start that fails takes back. */
  const started: (() => Promise<void>)[] = [cluster.close];
  const failed = async (error: unknown): Promise<never> => {
    await Promise.all(started.map((stop) => stop()));
    throw error;
  };
  // Before the core says anything: it would be taken for the next run of another node of its name.
  await cluster.settled().catch(failed);
  const core = new Core({ node, limits, ports, backplane, rooms: settings.rooms }, now());

  const access = new AccessPolicy({ development, allowedOrigins: settings.allowedOrigins });
  const admission = new Admission(limits, (limit) => emit({ type: "limit", limit }));
  const guard = { core, access, admission, now };
  const poll = new HttpPoll(guard);
  if (backplane && cluster.counts)
    metrics.watchBackplane(backplane, cluster.counts, () => core.clusterStats());
  const turn = await startTurnService(settings, host, log).catch(failed);
  started.push(turn.stop);
  if (turn.report) metrics.watchTurn(turn.report);
  const cut = (reason: CutReason): void => metrics.cut(reason);
  const sip = await startSipService(settings, host, core, guard, log, cut).catch(failed);
  started.push(sip.stop);
  if (sip.numbers) metrics.watchGateway("sip", sip.numbers);
  // A connection to a port that is shared may reach a process that has no TURN.
  const stun = settings.reusePort ? undefined : turn.accept;
  const shown = { ...settings, version: packageVersion, core, backplane, metrics, turn };
  const app = createApp({ ...shown, pageFolder: settings.page ? pageFolder : undefined });

  const http = {
    // Somewhat too large is for the core to answer; far too large is cut off here.
    messageBytes: limits.frameBytes * 2,
    bufferedBytes: limits.sendBuffer * 2,
    bodyBytes: limits.frameBytes * 8,
    trustedProxies: settings.trustedProxies,
    // Beside its links an address loads pages, and asks again by HTTP.
    connections: {
      perAddress: limits.linksPerAddress + 1_000,
      cut,
    },
    fault,
  };
  const server = await listen({
    ...http,
    host,
    port: settings.port,
    reusePort: settings.reusePort,
    tls: certificate,
    ...(stun && { stun }),
    sockets: [websocketRoute(guard), ...sip.routes],
    fetch: (request, client) =>
      access.answerStranger(request, client) ?? poll.fetch(request, client) ?? app(request),
  }).catch(failed);
  started.push(() => server.stop());
  let drainAsked = (): void => {};
  const drainRequested = new Promise<void>((resolve) => {
    drainAsked = resolve;
  });
  const pageless = createApp({ ...shown, pageFolder: undefined, beginDrain: drainAsked });
  const operators = {
    ...http,
    ...settings.admin,
    connections: { ...http.connections, evenWhenShort: true },
    tls: undefined,
    sockets: [],
    fetch: (request: Request, client: Client) => access.answerStranger(request, client) ?? pageless(request),
  };
  const admin =
    settings.admin.port === 0
      ? undefined
      : await listen(operators).catch((error: Error) =>
          failed(new Error(`setting admin.port: ${error.message}`)),
        );
  const tick = (): void => {
    if (now() >= core.nextDeadline) core.tick(now());
  };
  const stopTicking = every(tickInterval, tick, (error) => fault("tick", error));
  const useCertificate = (pair: CertificatePair): void => {
    server.useCertificate(pair);
    turn.useCertificate(pair);
  };
  const stopWatchingDescriptors = watchDescriptors((short) => {
    if (short) log.error("file descriptors run out: newcomers are refused; raise the limit (ulimit -n)");
    else log.info("there are file descriptors again: newcomers are taken");
  });
  const stopWatching = certificate && watchCertificate(tls, certificateInterval, { useCertificate }, log);
  return {
    port: server.port,
    turnUrls: turn.urls,
    drainRequested,
    url: serverUrl(certificate !== undefined, host, server.port),
    drain: () => {
      core.drain(now(), settings.drain);
      const end = now() + settings.drain;
      const emptied = (): Promise<void> => until(() => core.empty, end, tickInterval);
      // What others have said to a link that has just left may still be on its way through here.
      const lastWords = (): Promise<void> =>
        until(() => false, Math.min(end, now() + lingerFor), tickInterval);
      return backplane === undefined ? emptied() : emptied().then(lastWords).then(emptied);
    },
    stop: async () => {
      for (const stop of [stopTicking, stopWatching, stopWatchingDescriptors, poll.stop]) stop?.();
      await sip.stop();
      await Promise.all([server.stop(), admin?.stop(), turn.stop()]);
      core.leave(now());
      // Last: what ends with the connections is for the other nodes to hear.
      await cluster.close();
    },
  };
}
