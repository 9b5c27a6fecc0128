import { availableParallelism } from "node:os";
import type { LoadedSettings } from "../config/load.ts";
import type { WorkerOptions } from "../media/control.ts";
import { MediaFleet } from "../media/fleet/fleet.ts";
import { mediaOrigins } from "../media/http/cross-origin.ts";
import { keyHolder, mediaAuth } from "../media/http/media-auth.ts";
import { type Decide, isMediaPath, MediaHttp } from "../media/http/media-http.ts";
import { registerMediaMetrics } from "../media/metrics.ts";
import type { LocalCandidate } from "../media/service.ts";
import { MediaShare } from "../media/share/media-share.ts";
import { SharedStreams } from "../media/share/shared-streams.ts";
import { CoreSessions } from "../media/streams/core-sessions.ts";
import { MediaStreams } from "../media/streams/media-streams.ts";
import { type StreamOffersOptions, streamOffers } from "../media/streams/stream-offers.ts";
import { addressGroup, isLoopback } from "../net/client-address.ts";
import { after, wallAhead } from "../net/clock.ts";
import { random } from "../net/crypto.ts";
import { interfaceAddresses } from "../net/interfaces.ts";
import { bundledBun, mediaWorkerModule } from "../package-info.ts";
import { covers } from "../protocol/address-pattern.ts";
import { wireError } from "../protocol/error-codes.ts";
import { fail } from "../shared/result.ts";
import type { StreamServer } from "../signaling/stream/streams.ts";
import type { HealthPart } from "../telemetry/health.ts";
import { apiStreams } from "./api-streams.ts";
import { credentialsOf } from "./device-credentials.ts";
import { KeyFile } from "./key-file.ts";
import { isOutputPath, ladderOf, type MediaOutputs, startOutputs } from "./media-outputs.ts";
import { openPorts } from "./ports.ts";
import { RecordingsSurvey } from "./recordings-survey.ts";
import type { CoreContext, Part, Service } from "./service.ts";
import { stateFolder } from "./state-folder.ts";
import { streamKeys } from "./stream-keys.ts";
import { linkKeys } from "./ticket-keys.ts";

/** Addresses that a client is told of at most: each costs it checks. */
const mostAddresses = 6;

/** The media server: WHIP, WHEP, and the workers that carry media. */
export const media: Part = {
  start: async (context) => {
    const { media } = context.settings;
    const survey = new RecordingsSurvey(context.core.survey);
    if (!media.enabled) return undefined;
    if (media.join !== "") return joinMedia(context);
    const bun = bundledBun();
    if (bun === undefined) {
      context.log.warn("the media server is off: its workers need Bun, which the package `bun` brings");
      return undefined;
    }
    return await startMedia(context, bun, survey);
  },
};

async function startMedia(context: CoreContext, bun: string, survey: RecordingsSurvey): Promise<Service> {
  const { settings, log, now, core } = context;
  const { media } = settings;
  const folder = stateFolder(settings.stateFolder);
  const keys = new KeyFile(streamKeys, folder, (reason) =>
    log.error({ reason }, "stream keys can't be read: none is valid"),
  );
  const credentials = credentialsOf(settings);
  let died = 0;
  const wanted = { "media.port": media.port };
  const listen = listenAddresses(context);
  const count = media.workers > 0 ? media.workers : Math.max(1, availableParallelism() - 1);
  const streams: { current?: MediaStreams } = {};
  const outputs: { current?: MediaOutputs } = {};
  const fleet = await openPorts(context, wanted, ({ "media.port": port }) => {
    const { portable, limits } = media;
    const options: Omit<WorkerOptions, "relay"> = { listen, port, portable, limits };
    return MediaFleet.start({
      command: { bun, module: mediaWorkerModule },
      workers: count,
      options,
      heard: (worker, message) => {
        streams.current?.heard(worker, message);
        outputs.current?.heard(message);
      },
      died: (worker, reason) => {
        log.error({ worker, reason }, "a media worker ended: it is started again");
        died += 1;
        streams.current?.workerDied(worker);
        outputs.current?.workerDied(worker);
      },
      restarted: (worker) => log.info({ worker }, "a media worker took the place of one that ended"),
    });
  });
  const addresses = announced(settings, listen);
  const answers = streamAnswers(settings);
  const ladder = ladderOf(settings);
  const sessions = coreSessions(context);
  const share: { current?: MediaShare } = {};
  const made = new MediaStreams(
    {
      now,
      draining: () => core.draining,
      workers: fleet.size,
      worker: (number) => {
        const worker = fleet.worker(number);
        return worker && { ...worker.started, relay: fleet.relay(number), report: worker.report };
      },
      post: (number, message) => fleet.post(number, message),
      random,
      after,
    },
    {
      linger: media.linger,
      shares: media.limits,
      takesOver: takesOver(media.takeover),
      ladder,
      candidates: ({ udpPort, tcpPort }) => [
        ...addresses.map((address): LocalCandidate => ({ protocol: "udp", address, port: udpPort })),
        ...addresses.map((address): LocalCandidate => ({ protocol: "tcp", address, port: tcpPort })),
      ],
    },
    {
      changed: (stream) => {
        sessions.changed(stream);
        share.current?.changed(stream);
        outputs.current?.changed(stream);
      },
      opened: (peer) => {
        if (share.current?.has(peer) !== true) sessions.opened(peer);
      },
      ended: (peer, reason) => {
        sessions.ended(peer, reason);
        share.current?.ended(peer, reason);
      },
    },
  );
  streams.current = made;
  const server = sessions.join(made, core);
  const authenticate = mediaAuth(
    {
      verify: (token) =>
        new Promise((done) =>
          server.ports.verify(token, (result, at) =>
            done(result.ok && server.stale(result.value, at) ? fail(wireError("token_expired")) : result),
          ),
        ),
      account: (login) => credentials.find(login, now()),
      streamKey: (key) => keys.find(key),
      now,
      ahead: wallAhead,
      random,
    },
    { public: publicNames(settings), linkKeys: linkKeys(context.ticketKeys) },
  );
  const allowsOrigin = mediaOrigins(settings.dev, media.origins);
  const decide = decideBy(server, now);
  outputs.current = await startOutputs(context, {
    ...{ bun, fleet, streams: made, ladder, survey, authenticate, decide, allowsOrigin },
  });
  const http = new MediaHttp(
    {
      service: made,
      authenticate,
      decide,
      iceServers: ({ user, device = "media", guest = false }) =>
        server.ports.iceServers({ user, id: device, guest }, now()).servers,
      allowsOrigin,
      ssrc: randomSsrc,
    },
    { ...answers, base: settings.path },
  );
  if (media.share !== "") {
    share.current = new MediaShare({
      streams: made,
      fetch: (request, address) => http.fetch(request, address) ?? outputs.current?.fetch(request),
    });
    await share.current.listen(media.share).catch(async (error: Error) => {
      await fleet.stop();
      throw new Error(`setting media.share: ${error.message}`);
    });
  }
  const stopWatch = keys.watch(({ id }) => made.revoke(keyHolder(id), undefined));
  for (const { udpPort, crypto, sending } of fleet.started)
    log.info({ port: udpPort, addresses, crypto, sending }, "media worker");
  return {
    fetch: (request, client, path) => {
      if (isMediaPath(path)) return http.fetch(request, addressGroup(client.address));
      return isOutputPath(path) ? outputs.current?.fetch(request) : undefined;
    },
    // A worker that is started again takes the same port.
    relayPeers: () =>
      fleet.started.flatMap(({ udpPort }) => listen.map((address) => ({ address, port: udpPort }))),
    streams: apiStreams(context, () => [...made.streams].map(({ info }) => info), outputs.current.pushes),
    // There is one set of ports on a machine: the other processes share this media server.
    ...(media.share !== "" && { workerSettings: [{ SWITCHBOARD_MEDIA_JOIN: media.share }] }),
    health: () => shown(fleet, outputs.current?.state),
    metrics: (registry) => {
      outputs.current?.metrics(registry);
      registerMediaMetrics(registry, () => ({
        streams: [...made.streams].length,
        reports: fleet.reports,
        died,
        pushes: outputs.current?.pushes.counts ?? {},
        pushFailures: outputs.current?.pushes.failures ?? 0,
        crypto: fleet.started[0]?.crypto ?? "none",
        sending: fleet.started[0]?.sending ?? "none",
      }));
    },
    stop: async () => {
      stopWatch();
      share.current?.stop();
      await outputs.current?.stop();
      await fleet.stop();
    },
  };
}

/** The media server of another process of this machine, for this one's clients. */
function joinMedia(context: CoreContext): Service {
  const { media } = context.settings;
  const sessions = coreSessions(context);
  const streams = new SharedStreams({
    path: media.join,
    takesOver: takesOver(media.takeover),
    observer: sessions,
  });
  sessions.join(streams, context.core);
  return {
    fetch: (request, client, path) =>
      isMediaPath(path) || isOutputPath(path)
        ? streams.forward(request, addressGroup(client.address))
        : undefined,
    streams: apiStreams(context, () => streams.streams),
    health: () => ({
      name: "media",
      state: { shared: streams.reachable ? "up" : "down" },
      ok: streams.reachable,
    }),
    stop: async () => streams.stop(),
  };
}

function coreSessions({ settings }: CoreContext): CoreSessions {
  const names = patternsOf(publicNames(settings));
  return new CoreSessions({
    offers: streamOffers({ ...streamAnswers(settings), ssrc: randomSsrc }),
    isPublic: (name) => covers(names, { kind: "stream", name }),
  });
}

/** What publishers are answered: where a stream is to be had by HLS or in smaller sizes, H.264 comes first, which both are made of. */
function streamAnswers({ media }: LoadedSettings): Omit<StreamOffersOptions, "ssrc"> {
  const names = patternsOf([...media.hlsStreams, ...media.ladder.streams]);
  return {
    codecs: (name) => (covers(names, { kind: "stream", name }) ? ["h264", ...media.codecs] : media.codecs),
    publisherBitrate: media.limits.publisherBitrate,
  };
}

function publicNames({ dev, media }: LoadedSettings): readonly string[] {
  return dev ? ["*"] : media.public;
}

function takesOver(names: readonly string[]): (stream: string) => boolean {
  const patterns = patternsOf(names);
  return (name) => covers(patterns, { kind: "stream", name });
}

/** Asks the application about a client of WHIP or WHEP. What let it in before may count no more by the time of the answer. */
function decideBy(server: StreamServer, now: () => number): Decide {
  return ({ user, device, guest = false, grants, expires }, stream, endpoint) =>
    new Promise((done) => {
      const request = endpoint === "whip" ? "publish" : "view";
      const who = { user, ...(device !== undefined && { device }), guest, gateway: endpoint };
      const asked = now();
      server.ask({ request, ...who, to: `stream:${stream}` }, asked, (decision, at) => {
        const identity = { user, grants, expires, issuedAt: asked };
        if (!decision.allow) {
          const { temporary, message, retryAfter = 2_000 } = decision.error;
          const later = { "Retry-After": String(Math.ceil(retryAfter / 1_000)) };
          done(
            temporary ? { status: 503, detail: message, headers: later } : { status: 403, detail: message },
          );
        } else if (server.stale(identity, at, device))
          done({ status: 401, detail: "The token has expired, or its user was signed out." });
        else done(undefined);
      });
    });
}

function shown(fleet: MediaFleet, outputs: Readonly<Record<string, unknown>> = {}): HealthPart {
  const workers = fleet.started.map(({ udpPort, crypto, sending }) => ({ port: udpPort, crypto, sending }));
  return { name: "media", state: { workers, ...outputs }, ok: workers.length === fleet.size };
}

function randomSsrc(): number {
  return Buffer.from(random(4), "base64url").readUInt32BE() || 1;
}

function patternsOf(names: readonly string[]): string[] {
  return names.map((name) => `stream:${name}`);
}

/** Where the workers listen: in development mode at this machine's own addresses, for Firefox takes no loopback address. */
function listenAddresses({ settings, host }: CoreContext): string[] {
  const { media, dev } = settings;
  if (media.listen.length > 0) return [...media.listen];
  if (!dev)
    return interfaceAddresses().some(({ family }) => family === "IPv6") ? ["0.0.0.0", "::"] : ["0.0.0.0"];
  const outside = interfaceAddresses().find(({ family, internal }) => family === "IPv4" && !internal);
  const own = host === "localhost" ? "127.0.0.1" : host;
  return own === "127.0.0.1" && outside !== undefined ? [own, outside.address] : [own];
}

/** The addresses that clients are told: configured ones, else those that are listened on, a wildcard standing for the interfaces'. */
function announced({ media, dev }: LoadedSettings, listen: readonly string[]): string[] {
  if (media.publicAddresses.length > 0) return [...media.publicAddresses];
  const six = (text: string): boolean => text.includes(":");
  const outside = interfaceAddresses().filter(
    ({ address, internal }) => (dev || !internal) && !address.startsWith("fe80:"),
  );
  const found = listen.flatMap((address) => {
    if (address !== "0.0.0.0" && address !== "::") return [address];
    const own = outside.map((one) => one.address).filter((one) => six(one) === six(address));
    return own.length > 0 ? own : six(address) ? [] : ["127.0.0.1"];
  });
  return [...new Set(found)]
    .sort((one, other) => Number(isLoopback(one)) - Number(isLoopback(other)))
    .slice(0, mostAddresses);
}
