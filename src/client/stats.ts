import { fingerprintOf } from "../shared/fingerprint.ts";
import type { CallStats } from "./api.ts";

/** The counters of one `getStats`, for the rates of the next one. */
export interface Sample {
  readonly at: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly packets: number;
  readonly lost: number;
}

/** The statistics of a `report` request. Times in ms, rates in bit/s, losses from 0 to 1. */
interface Summary {
  readonly path: "direct" | "relay" | undefined;
  readonly rtt: number | undefined;
  readonly jitter: number | undefined;
  readonly lossIn: number;
  readonly lossOut: number;
  readonly bitrateIn: number;
  readonly bitrateOut: number;
  /** Types of the candidates in use. */
  readonly local: string | undefined;
  readonly remote: string | undefined;
  /** Candidates that this end gathered, by type and transport. */
  readonly candidates?: Readonly<Record<string, number>> | undefined;
  readonly iceErrors?:
    | readonly { readonly url: string; readonly code: number; readonly text: string }[]
    | undefined;
  readonly ice?: string;
  readonly dtls?: string;
  readonly dtlsError?: string;
  /** While DTLS is not connected: how the fingerprints in the local and the remote description begin. No browser tells which certificate came. */
  readonly fingerprints?: readonly [own: string, named: string];
  /** RTP packets so far, received and sent. */
  readonly packets?: { readonly [kind: string]: readonly [received: number, sent: number] };
  /** The other end has closed its connection: that counts in place of the connection's own state. */
  readonly state?: "closed";
}

/** One sample of statistics: for the server, for the application, and for the next sample. */
export interface Summed {
  readonly summary: Summary;
  readonly stats: CallStats;
  readonly sample: Sample;
}

type Entry = Readonly<Record<string, unknown>>;

/** The DTLS transports whose end is awaited, with the detail of the error of each. */
const watched = new WeakMap<RTCDtlsTransport, { dtlsError?: string }>();
/** Since when the candidates of a connection are gathered. ms */
const gathering = new WeakMap<RTCPeerConnection, { since: number }>();
/** Errors that are kept of a connection, and that a report names. */
const [mostKept, mostErrors] = [64, 8];
/** How long a STUN or TURN server may take to answer: by then it was asked five times (RFC 8489 §6.2.1). ms */
const serverPatience = 6_000;

/**
 * Takes a sample of a connection. `errors`: its `icecandidateerror` events. `closed` is called when the other end closes its connection:
 * at once, where that one says so (DTLS close_notify), and long before ICE finds out.
 */
export async function measure(
  pc: RTCPeerConnection,
  before: Sample | undefined,
  errors: RTCPeerConnectionIceErrorEvent[],
  closed: () => void,
): Promise<Summed> {
  for (const transport of transports(pc)) {
    if (watched.has(transport)) continue;
    const seen: { dtlsError?: string } = {};
    watched.set(transport, seen);
    transport.addEventListener?.("statechange", () => {
      if (isClosed(pc) && pc.signalingState !== "closed") closed();
    });
    transport.addEventListener?.("error", (event) => {
      seen.dtlsError = (event as RTCErrorEvent).error?.errorDetail;
    });
  }
  if (!gathering.has(pc)) {
    const begun = { since: Date.now() };
    gathering.set(pc, begun);
    pc.addEventListener?.("icegatheringstatechange", () => {
      begun.since = Date.now();
    });
  }
  const report = await pc.getStats();
  const candidates = gathered(pc.localDescription?.sdp ?? "", report);
  errors.splice(0, errors.length - mostKept);
  const all = transports(pc);
  const transport = all.find(({ state }) => state !== "closed") ?? all[0];
  const { summary, ...rest } = summarize(report, before);
  return {
    ...rest,
    summary: {
      ...summary,
      candidates,
      iceErrors: distinct([...silent(pc, candidates), ...errors]),
      ice: pc.iceConnectionState,
      ...(transport && { dtls: transport.state, ...watched.get(transport) }),
      ...((transport?.state === "connecting" || transport?.state === "failed") && {
        fingerprints: [
          fingerprintOf(pc.localDescription?.sdp ?? "") ?? "",
          fingerprintOf(pc.remoteDescription?.sdp ?? "") ?? "",
        ],
      }),
      ...(isClosed(pc) && { state: "closed" }),
    },
  };
}

/** The DTLS transports of a connection: one, where all sections are bundled. */
function transports(pc: RTCPeerConnection): RTCDtlsTransport[] {
  return [pc.sctp, ...(pc.getSenders?.() ?? [])].flatMap((one) => one?.transport ?? []);
}

/** True when the other end has closed the connection. A single transport says nothing: Firefox makes more for an offer, until its answer bundles them. */
function isClosed(pc: RTCPeerConnection): boolean {
  const all = transports(pc);
  return all.length > 0 && all.every(({ state }) => state === "closed");
}

/** The candidates of a description by type and transport. What lies between this end and a relay stands in the statistics alone. */
export function gathered(sdp: string, report: RTCStatsReport): Record<string, number> | undefined {
  const counts: Record<string, number> = {};
  const relays = [...(report as unknown as Map<string, Entry>).values()].filter(
    (entry) => entry.type === "local-candidate" && entry.candidateType === "relay",
  );
  for (const [, transport = "", address, type = ""] of sdp.matchAll(
    /^a=candidate:\S+ \d+ (\S+) \d+ (\S+) \d+ typ (\w+)/gm,
  )) {
    const over = type === "relay" ? (relays.shift()?.relayProtocol ?? transport) : transport;
    const name = `${address?.endsWith(".local") ? "mdns" : type}/${over}`.toLowerCase();
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return sdp ? counts : undefined;
}

type IceError = Pick<RTCPeerConnectionIceErrorEvent, "url" | "errorCode" | "errorText">;

/** Servers that have not answered. Chromium says so after 40 s (error 701), when the connection has long failed. */
function silent(pc: RTCPeerConnection, candidates: Record<string, number> = {}): IceError[] {
  const waited = Date.now() - (gathering.get(pc)?.since ?? 0);
  if (pc.iceGatheringState !== "gathering" || waited < serverPatience) return [];
  const has = (type: string) => Object.keys(candidates).some((name) => name.startsWith(type));
  return (pc.getConfiguration?.().iceServers ?? [])
    .flatMap(({ urls }) => urls)
    .filter((url) => !has(url.startsWith("stun") ? "srflx" : "relay"))
    .map((url) => ({ url, errorCode: 701, errorText: "no answer so far" }));
}

/** The newest of each server and code. */
function distinct(errors: readonly IceError[]): Summary["iceErrors"] {
  const found = new Map(
    errors.map(({ url, errorCode: code, errorText }) => [
      url + code,
      { url: url.slice(0, 256), code, text: errorText.slice(0, 128) },
    ]),
  );
  return found.size > 0 ? [...found.values()].slice(0, mostErrors) : undefined;
}

/** Sums up `getStats`. Rates are over the time since `before`. Values that the implementation lacks are undefined or 0. */
export function summarize(report: RTCStatsReport, before?: Sample): Summed {
  const all = [...(report as unknown as Map<string, Entry>).values()];
  const of = (type: string) => all.filter((entry) => entry.type === type);
  const byId = (id: unknown) => all.find((entry) => entry.id === id);
  const pair =
    byId(of("transport")[0]?.selectedCandidatePairId) ??
    of("candidate-pair").find(({ nominated, state }) => nominated && state === "succeeded");
  const [local, remote] = [pair?.localCandidateId, pair?.remoteCandidateId].map(
    (id) => byId(id)?.candidateType as string | undefined,
  );
  const inbound = of("inbound-rtp");
  const sample: Sample = {
    at: number(pair?.timestamp),
    bytesIn: number(pair?.bytesReceived),
    bytesOut: number(pair?.bytesSent),
    packets: sum(inbound, "packetsReceived"),
    lost: sum(inbound, "packetsLost"),
  };
  const since = (field: keyof Sample) => Math.max(0, sample[field] - (before?.[field] ?? 0));
  const seconds = before ? since("at") / 1_000 : 0;
  const rate = (bytes: number) => (seconds > 0 ? (bytes * 8) / seconds : 0);
  const lost = since("lost");
  const rtt = pair?.currentRoundTripTime;
  const summary: Summary = {
    path: local ? (local === "relay" || remote === "relay" ? "relay" : "direct") : undefined,
    rtt: typeof rtt === "number" ? rtt * 1_000 : undefined,
    jitter: inbound.length > 0 ? most(inbound, "jitter") * 1_000 : undefined,
    lossIn: lost / (since("packets") + lost || 1),
    lossOut: Math.min(1, most(of("remote-inbound-rtp"), "fractionLost")),
    bitrateIn: rate(since("bytesIn")),
    bitrateOut: rate(since("bytesOut")),
    local,
    remote,
    packets: Object.fromEntries(
      ["audio", "video"].map((kind) => {
        const its = (type: string) => of(type).filter((entry) => entry.kind === kind);
        return [kind, [sum(its("inbound-rtp"), "packetsReceived"), sum(its("outbound-rtp"), "packetsSent")]];
      }),
    ),
  };
  const { path, jitter, lossIn, lossOut, bitrateIn, bitrateOut } = summary;
  const loss = [lossIn, lossOut] as const;
  const stats: CallStats = { path, rtt: summary.rtt, jitter, loss, bitrate: [bitrateIn, bitrateOut] };
  return { summary, stats, sample };
}

function number(value: unknown): number {
  return typeof value === "number" ? value : 0;
}

function sum(entries: readonly Entry[], field: string): number {
  return entries.reduce((total, entry) => total + number(entry[field]), 0);
}

function most(entries: readonly Entry[], field: string): number {
  return Math.max(0, ...entries.map((entry) => number(entry[field])));
}
