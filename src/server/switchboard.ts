import { apiPath } from "../api/router.ts";
import { withKeyText } from "../auth/public-key.ts";
import { refuseWithoutKeys } from "../auth/settings.ts";
import { registerClusterMetrics } from "../cluster/metrics.ts";
import { createNode, type SignalingNode } from "../cluster/node.ts";
import type { LoadedSettings } from "../config/load.ts";
import { type CertificatePair, readCertificate, watchCertificate } from "../net/certificate-files.ts";
import { every, nextTurn, now, until, wallAhead } from "../net/clock.ts";
import type { CutReason } from "../net/connection-caps.ts";
import { CutConnections } from "../net/connection-metrics.ts";
import { watchDescriptors } from "../net/descriptors.ts";
import type { Client, Refusal, SocketRoute } from "../net/http-server.ts";
import { problemResponse } from "../net/problem.ts";
import type { StreamHandlers, StreamSocket } from "../net/tcp.ts";
import { refusalResponse } from "../net/upgrade.ts";
import { nodeName } from "../package-info.ts";
import type { Limits } from "../protocol/limits.ts";
import type { CoreEvent } from "../signaling/events.ts";
import { kickName } from "../signaling/link/kicked-users.ts";
import { joinObservers } from "../signaling/observer.ts";
import { logEvent } from "../telemetry/event-log.ts";
import type { Logger } from "../telemetry/log.ts";
import { Metrics } from "../telemetry/metrics.ts";
import { AccessPolicy } from "../transports/access-policy.ts";
import { Admission } from "../transports/admission.ts";
import { FairQueue } from "../transports/fair-queue.ts";
import { FlowRates } from "../transports/flow-meter.ts";
import { RequestQueue } from "../transports/request-queue.ts";
import { joinApplication } from "./application.ts";
import { requestBelow, routeBelow } from "./base-path.ts";
import { corePorts } from "./core-ports.ts";
import { joinIceServers } from "./ice-servers.ts";
import { KickFile } from "./kick-file.ts";
import type { Functions } from "./observers.ts";
import { GuestKeys } from "./publishable-keys.ts";
import type { CoreContext, Part, PartContext, Service } from "./service.ts";
import { parts } from "./services.ts";
import { stateFolder } from "./state-folder.ts";
import { ticketKeys } from "./ticket-keys.ts";

/** How often the core's deadlines and the certificate's files are looked at. ms */
const [tickInterval, certificateInterval] = [25, 1_000];
/** How long a node of a cluster stays after its last device has left. ms */
const lingerFor = 1_500;

/** What listens for a switchboard and carries its connections. */
interface Carrier {
  /** Its TLS port, where that hands STUN to {@link Switchboard.stun}. */
  readonly stunPort?: number;
  /** Takes another certificate, for connections to come. */
  useCertificate?(pair: CertificatePair): void;
  /** Stops listening and ends every connection. */
  stop(): Promise<void>;
}

/** The core and its services, without a listener: whoever has one serves {@link routes} and {@link fetch}. */
export interface Switchboard {
  readonly settings: LoadedSettings;
  readonly log: Logger;
  /** The address to listen on. */
  readonly host: string;
  /** Of the setting `tls`; undefined where it is empty. */
  readonly certificate: CertificatePair | undefined;
  /** Where WebSocket clients may connect. */
  readonly routes: readonly SocketRoute[];
  /** Why a request of this client is refused, whatever it asks for; undefined where it isn't. */
  refuse(client: Client): Refusal | undefined;
  /** When the request of this client may be looked at: undefined at once. */
  turn(client: Client): Promise<Refusal | undefined> | undefined;
  /** Answers every HTTP request that is no upgrade. */
  fetch(request: Request, client: Client): Response | Promise<Response>;
  /** The same for operators: of the pages only the console, and `POST /admin/drain`. */
  fetchAdmin(request: Request, client: Client): Response | Promise<Response>;
  /** Takes a connection over TLS that speaks STUN; undefined where no part does. */
  readonly stun: ((stream: StreamSocket) => StreamHandlers | undefined) | undefined;
  /** {@link Service.workerSettings} of each part that has them. */
  readonly workerSettings: readonly NonNullable<Service["workerSettings"]>[];
  /** Resolves when an operator asks for the drain over HTTP. */
  readonly drainRequested: Promise<void>;
  /** Counts a connection that its listener cut as it came. */
  cut(reason: CutReason): void;
  /** Reports a fault of ours. */
  fault(where: string, error: unknown): void;
  /** This listener carries connections from now on: it gets new certificates, and is stopped with the rest. */
  carriedBy(carrier: Carrier): void;
  /** Sends every device elsewhere; resolves when the last has left, or after `settings.drain`. */
  drain(): Promise<void>;
  /** Ends everything at once. */
  stop(): Promise<void>;
}

/**
 * Makes the core and starts the services. Rejects with an Error of one line when a file, a key or a port of a part is unusable; then
 * nothing is left running.
 */
export async function makeSwitchboard(
  settings: LoadedSettings,
  log: Logger,
  { observers = [], ...hooks }: Functions = {},
  list: readonly Part[] = parts,
): Promise<Switchboard> {
  const application = joinApplication(settings, hooks, (where, error) => fault(where, error));
  const useless = application?.authenticates === true ? undefined : refuseWithoutKeys(settings);
  if (useless !== undefined) throw new Error(useless);
  const { limits, tls, dev: development } = settings;
  const certificate = tls.cert === "" ? undefined : readCertificate(tls.cert, tls.key);
  /** In the order in which they started: those that the core is made with, and the others. */
  const joined: Service[] = [];
  const services: Service[] = [];
  const all = (): Service[] => [...joined, ...services];

  const metrics = new Metrics(() => core.stats());
  const kicks = new KickFile(stateFolder(settings.stateFolder), (error) =>
    log.error({ err: error }, "kicks can't be kept in the state folder: a restart forgets them"),
  );
  const kicked = (name: string, ago: number): void => {
    kicks.add(name, now() + wallAhead() - ago);
    for (const service of services) service.revoke?.(name, ago);
  };
  const emit = (event: CoreEvent): void => {
    if (event.type === "kicked") kicked(kickName(event.user, event.device), 0);
    else if (event.type === "kick_learned") kicked(event.name, event.ago);
    metrics.observe(event);
    logEvent(log, event);
    for (const service of services) service.heard?.(event);
  };
  const fault = (where: string, error: unknown): void => emit({ type: "fault", where, error });
  const keys = ticketKeys(settings, now(), log.warn.bind(log));
  const folder = stateFolder(settings.stateFolder);
  const guestKeys = new GuestKeys(
    folder,
    () => now() + wallAhead(),
    (reason) => log.error({ reason }, "publishable keys can't be read: none is valid"),
  );
  const ports = corePorts({
    ...settings,
    ticketKeys: keys,
    tokens: withKeyText(settings.tokens),
    iceServers: (device, at) => {
      const told = services.map((service) => service.iceServers?.(device, at) ?? { servers: [] });
      return joinIceServers([{ servers: settings.iceServers }, ...told]);
    },
    now,
    emit,
    authenticate: application?.application.authenticate,
    policy: application?.application.policy,
    guestKeys,
  });

  const host = settings.host || (development ? "127.0.0.1" : "0.0.0.0");
  const node = nodeName(settings.node);
  const cutConnections = new CutConnections();
  const cut = (reason: CutReason): void => cutConnections.count(reason);
  const context: PartContext = { settings, node, host, log, ticketKeys: keys, now, cut, fault };
  const failed = async (error: unknown): Promise<never> => {
    await stopAll(all());
    throw error;
  };
  const started = async (list: Service[], service: Promise<Service | undefined> | undefined) => {
    const one = await service?.catch(failed);
    if (one !== undefined) list.push(one);
  };
  for (const part of list) await started(joined, part.beforeCore?.(context));
  const backplane = joined.find((service) => service.backplane)?.backplane;
  const core: SignalingNode = createNode({ node, limits, ports, backplane, rooms: settings.rooms }, now());
  const kept = kicks.load(now() + wallAhead());
  core.restoreKicks(kept, now());
  const { allowedOrigins } = settings;
  const allowsGuests = (origin: string): boolean => guestKeys.allowsOrigin(origin);
  const access = new AccessPolicy({ development, allowedOrigins, allowsGuests });
  const bit = (limit: keyof Limits): void => emit({ type: "limit", limit });
  const admission = new Admission(limits, bit);
  let requestDrain = (): void => {};
  const drainRequested = new Promise<void>((resolve) => {
    requestDrain = resolve;
  });
  const health = () => all().flatMap((service) => service.health?.() ?? []);
  const queue = new FairQueue({
    ...{ next: nextTurn, clock: () => performance.now(), fault },
    flooded: () => bit("bytesPerSecond"),
  });
  const requests = new RequestQueue(queue);
  const guard = { core, access, admission, queue, now, rates: new FlowRates(limits, bit) };
  /** What the one part that has it offers the others. */
  const offered =
    <K extends keyof Service>(name: K) =>
    (): Service[K] | undefined =>
      services.find((service) => service[name] !== undefined)?.[name];
  const pushes = offered("pushes");
  const withCore: CoreContext = {
    ...context,
    core,
    observers,
    guestKeys,
    guard,
    metrics,
    health,
    streams: offered("streams"),
    records: offered("records"),
    eventLog: offered("eventLog"),
    events: offered("events"),
    webhooks: offered("webhooks"),
    pushes,
    requestDrain,
  };
  for (const part of list) await started(services, part.start?.(withCore));
  ports.observer = joinObservers(services.flatMap(({ observer }) => observer ?? []));
  ports.pushes = pushes();
  for (const [name, ago] of kept) for (const service of services) service.revoke?.(name, ago);
  const relayPeers = services.flatMap((service) => service.relayPeers?.() ?? []);
  for (const service of services) service.useRelayPeers?.(relayPeers);

  if (backplane !== undefined) registerClusterMetrics(metrics, () => core.clusterStats());
  application?.metrics(metrics);
  cutConnections.register(metrics);
  for (const service of all()) service.metrics?.(metrics);
  const tick = (): void => {
    if (now() >= core.nextDeadline) core.tick(now());
  };
  const stopTicking = every(tickInterval, tick, (error) => fault("tick", error));
  const carriers: Carrier[] = [];
  const useCertificate = (pair: CertificatePair): void => {
    for (const one of [...carriers, ...services]) one.useCertificate?.(pair);
  };
  const stopWatchingDescriptors = watchDescriptors((short) => {
    if (short) log.error("file descriptors run out: newcomers are refused; raise the limit (ulimit -n)");
    else log.info("there are file descriptors again: newcomers are taken");
  });
  const stopWatching = certificate && watchCertificate(tls, certificateInterval, { useCertificate }, log);
  const answer = (
    request: Request,
    client: Client,
    by: "fetch" | "fetchAdmin",
  ): Response | Promise<Response> => {
    const { pathname } = new URL(request.url);
    const refusal = access.refuseStranger(request, client);
    if (refusal !== undefined) {
      const { status, body, headers = {} } = refusal;
      if (!pathname.startsWith(`${apiPath}/`)) return refusalResponse(refusal);
      return problemResponse({ status, code: "forbidden", detail: body, headers });
    }
    for (const service of services) {
      const response = service[by]?.(request, client, pathname);
      if (response !== undefined) return response;
    }
    return refusalResponse({ status: 404, body: "There is nothing at this address." });
  };
  const stunService = services.find((service) => service.stun);
  return {
    settings,
    log,
    host,
    certificate,
    routes: services.flatMap(({ routes = [] }) => routes.map((route) => routeBelow(settings.path, route))),
    refuse: (client) => admission.refuseRequest(client, now()),
    turn: (client) => requests.turn(client, now()),
    fetch: (request, client) => {
      const below = requestBelow(settings.path, request);
      if (below instanceof Response) return below;
      return answer(below, client, "fetch");
    },
    fetchAdmin: (request, client) => answer(request, client, "fetchAdmin"),
    stun: stunService && ((stream) => stunService.stun?.(stream)),
    workerSettings: services.flatMap(({ workerSettings }) => (workerSettings ? [workerSettings] : [])),
    drainRequested,
    cut,
    fault,
    carriedBy: (carrier) => {
      carriers.push(carrier);
      if (carrier.stunPort !== undefined) stunService?.stunPort?.(carrier.stunPort);
    },
    drain: () => {
      for (const service of services) service.draining?.();
      core.drain(now(), settings.drain);
      const end = now() + settings.drain;
      const emptied = (): Promise<void> => until(() => core.empty, end, tickInterval);
      // What others have said to a link that has just left may still be on its way through here.
      const lastWords = (): Promise<void> =>
        until(() => false, Math.min(end, now() + lingerFor), tickInterval);
      return backplane === undefined ? emptied() : emptied().then(lastWords).then(emptied);
    },
    stop: async () => {
      stopTicking();
      stopWatching?.();
      stopWatchingDescriptors();
      await stopAll(services);
      await Promise.all(carriers.map((carrier) => carrier.stop()));
      core.leave(now());
      // Last: what ends with the connections is for the other nodes to hear.
      await stopAll(joined);
    },
  };
}

/** Each after those that started later. */
async function stopAll(services: readonly Service[]): Promise<void> {
  for (const service of services.toReversed()) await service.stop();
}
