import { createApp } from "./admin/app.ts";
import { corePorts } from "./admin/core-ports.ts";
import { logEvent } from "./admin/event-log.ts";
import { createLog, type Logger } from "./admin/log.ts";
import { Metrics } from "./admin/metrics.ts";
import { MemoryHub } from "./cluster/memory.ts";
import { loadSettings } from "./config/load.ts";
import { withKeyText } from "./config/public-key.ts";
import type { Settings, SettingsInput } from "./config/schema.ts";
import { readCertificate, watchCertificate } from "./net/certificate-files.ts";
import { every, now, until } from "./net/clock.ts";
import { listen } from "./net/listen.ts";
import { nodeName, packageVersion, pageFolder, serverUrl } from "./place.ts";
import { Core } from "./signaling/core.ts";
import type { CoreEvent } from "./signaling/events.ts";
import { startSipService } from "./sip-service.ts";
import { AccessPolicy } from "./transports/access-policy.ts";
import { Admission } from "./transports/admission.ts";
import { HttpPoll } from "./transports/http-poll.ts";
import { websocketRoute } from "./transports/websocket.ts";
import { startTurnService } from "./turn-service.ts";

/** How often the core's deadlines and the certificate's files are looked at. ms */
const [tickInterval, certificateInterval] = [25, 1_000];

/** A running server. */
export interface Switchboard {
  readonly port: number;
  /** Where it listens, such as `http://127.0.0.1:8080`. */
  readonly url: string;
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
    turn: () => turn.service(certificate && turn.accept && server.port),
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
  const backplane = new MemoryHub({ delivery: "immediate", now: now() }).node(node);
  const core = new Core({ node, limits, ports, backplane, rooms: settings.rooms }, now());

  const access = new AccessPolicy({ development, allowedOrigins: settings.allowedOrigins });
  const admission = new Admission(limits, (limit) => emit({ type: "limit", limit }));
  const door = { core, access, admission, now };
  const poll = new HttpPoll(door);
  const served = { version: packageVersion, pageFolder: settings.page ? pageFolder : undefined };
  const turn = await startTurnService(settings, host, log);
  if (turn.report) metrics.watchTurn(turn.report);
  const sip = await startSipService(settings, host, core, door, log).catch(async (error: unknown) => {
    await turn.stop();
    throw error;
  });
  if (sip.numbers) metrics.watchGateway("sip", sip.numbers);
  const app = createApp({ ...settings, ...served, core, backplane, metrics, turn });

  const server = await listen({
    ...settings,
    host,
    tls: certificate,
    ...(turn.accept && { stun: turn.accept }),
    // Somewhat too large is for the core to answer; far too large is cut off here.
    messageBytes: limits.frameBytes * 2,
    bufferedBytes: limits.sendBuffer * 2,
    bodyBytes: limits.frameBytes * 8,
    sockets: [websocketRoute(door), ...sip.routes],
    fetch: (request, client) =>
      access.answerStranger(request, client) ?? poll.fetch(request, client) ?? app(request),
    fault,
  }).catch(async (error: unknown) => {
    await Promise.all([turn.stop(), sip.stop()]);
    throw error;
  });
  const tick = (): void => {
    if (now() >= core.nextDeadline) core.tick(now());
  };
  const stopTicking = every(tickInterval, tick, (error) => fault("tick", error));
  const stopWatching = certificate && watchCertificate(tls, certificateInterval, server, log);
  return {
    port: server.port,
    url: serverUrl(certificate !== undefined, host, server.port),
    drain: () => {
      core.drain(now(), settings.drain);
      return until(() => core.empty, now() + settings.drain, tickInterval);
    },
    stop: () => {
      for (const stop of [stopTicking, stopWatching, poll.stop]) stop?.();
      return sip
        .stop()
        .then(() => Promise.all([server.stop(), turn.stop()]))
        .then(() => {});
    },
  };
}
