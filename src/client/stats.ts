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

/** The DTLS transports whose end is awaited. */
const watched = new WeakSet<RTCDtlsTransport>();

/**
 * Takes a sample of a connection. `closed` is called when the other end closes its connection: at once, where that one says so (DTLS
 * close_notify), and long before ICE finds out.
 */
export async function measure(
  pc: RTCPeerConnection,
  before: Sample | undefined,
  closed: () => void,
): Promise<Summed> {
  const transport = (pc.sctp ?? pc.getSenders?.()[0])?.transport;
  if (transport && !watched.has(transport)) {
    watched.add(transport);
    transport.addEventListener?.("statechange", () => {
      if (transport.state === "closed" && pc.signalingState !== "closed") closed();
    });
  }
  const summed = summarize(await pc.getStats(), before);
  if (transport?.state !== "closed") return summed;
  return { ...summed, summary: { ...summed.summary, state: "closed" } };
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
