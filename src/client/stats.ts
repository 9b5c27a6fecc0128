import type { CallStats } from "./api.ts";

/** The counters of one `getStats`, from which the next one's rates are counted. */
export interface Sample {
  readonly at: number;
  readonly received: number;
  readonly sent: number;
  readonly packetsIn: number;
  readonly lostIn: number;
}

interface Entry {
  readonly id: string;
  readonly type: string;
  readonly kind?: string;
  readonly [field: string]: unknown;
}

/** What one report says, beside which candidate types are in use. */
export interface Summary extends CallStats {
  readonly local?: string;
  readonly remote?: string;
}

/** Sums up a report of `getStats`; rates are over the time since `before`. Fields that an implementation lacks are left out. */
export function summarize(report: RTCStatsReport, before?: Sample): { summary: Summary; sample: Sample } {
  const all: Entry[] = [];
  report.forEach((entry: Entry) => {
    all.push(entry);
  });
  const byId = (id: unknown) => all.find((entry) => entry.id === id);
  const transport = all.find((entry) => entry.type === "transport");
  const pair =
    byId(transport?.selectedCandidatePairId) ??
    all.find((entry) => entry.type === "candidate-pair" && entry.nominated && entry.state === "succeeded");
  const types = [pair?.localCandidateId, pair?.remoteCandidateId].map(
    (id) => byId(id)?.candidateType as string | undefined,
  );
  const inbound = all.filter((entry) => entry.type === "inbound-rtp");
  const outbound = all.filter((entry) => entry.type === "remote-inbound-rtp");
  const sample: Sample = {
    at: number(pair?.timestamp),
    received: number(pair?.bytesReceived),
    sent: number(pair?.bytesSent),
    packetsIn: sum(inbound, "packetsReceived"),
    lostIn: Math.max(0, sum(inbound, "packetsLost")),
  };
  const since = before ?? { at: sample.at, received: 0, sent: 0, packetsIn: 0, lostIn: 0 };
  const seconds = (sample.at - since.at) / 1_000;
  const rate = (now: number, then: number) => (seconds > 0 ? Math.max(0, ((now - then) * 8) / seconds) : 0);
  const lost = Math.max(0, sample.lostIn - since.lostIn);
  const packets = Math.max(0, sample.packetsIn - since.packetsIn) + lost;
  const rtt = pair?.currentRoundTripTime;
  const jitters = inbound.map((entry) => number(entry.jitter));
  return {
    sample,
    summary: {
      path: types[0] ? (types.includes("relay") ? "relay" : "direct") : undefined,
      ...(typeof rtt === "number" && { rtt: rtt * 1_000 }),
      ...(jitters.length > 0 && { jitter: Math.max(...jitters) * 1_000 }),
      loss: [
        packets > 0 ? lost / packets : 0,
        clamp(Math.max(0, ...outbound.map((e) => number(e.fractionLost)))),
      ],
      bitrate: [rate(sample.received, since.received), rate(sample.sent, since.sent)],
      ...(types[0] && { local: types[0] }),
      ...(types[1] && { remote: types[1] }),
    },
  };
}

function number(value: unknown): number {
  return typeof value === "number" ? value : 0;
}

function sum(entries: readonly Entry[], field: string): number {
  return entries.reduce((total, entry) => total + number(entry[field]), 0);
}

function clamp(share: number): number {
  return Math.min(1, share);
}
