// The store of records: how fast a search is among a million of them, and what one takes. Run by `npm run bench -- --only records`.
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CallRecord, LadderRow } from "../../src/records/record.ts";
import { SqliteTables } from "../../src/records/store/sqlite-tables.ts";
import type { RecordQuery, Write } from "../../src/records/store.ts";
import { Histogram } from "./histogram.ts";

const quick = process.argv.includes("--quick");
const [count, searches] = quick ? [20_000, 200] : [1_000_000, 1_000];
const [users, day] = [count / 50, 86_400_000];
const causes = [
  "no_fault",
  "nobody_answered",
  "declined",
  "udp_blocked",
  "asleep",
  "busy",
  "connection_lost",
];
const from = Date.UTC(2026, 0, 1);
const between = (30 * day) / count;

const folder = mkdtempSync(join(tmpdir(), "switchboard-bench-"));
const path = join(folder, "store.sqlite");
const tables = await SqliteTables.open(path, () => {});
for (let n = 0; n < count; n += 1_000)
  tables.apply(
    Array.from(
      { length: 1_000 },
      (_, i): Write => ({
        write: "record",
        stored: { record: record(n + i), cause: causes[(n + i) % causes.length] },
      }),
    ),
  );
const bytes = statSync(path).size / count;
console.log(`${count} records: ${Math.round(bytes)} bytes each, with ladder and indexes`);
measure("by user", () => ({ user: `user-${Math.floor(Math.random() * users)}` }));
measure("by cause and day", () => {
  const start = from + Math.floor(Math.random() * 29) * day;
  return { cause: causes[Math.floor(Math.random() * causes.length)] as string, from: start, to: start + day };
});
measure("by user and cause", () => ({
  user: `user-${Math.floor(Math.random() * users)}`,
  cause: causes[Math.floor(Math.random() * causes.length)] as string,
}));
tables.close();
rmSync(folder, { recursive: true, force: true });

function measure(name: string, query: () => RecordQuery): void {
  const times = new Histogram();
  let found = 0;
  for (let n = 0; n < searches; n++) {
    const began = performance.now();
    found += tables.search(query()).records.length;
    times.record(performance.now() - began);
  }
  const at = (share: number): string => times.percentile(share).toFixed(2);
  console.log(
    `search ${name}: p50 ${at(0.5)} ms, p95 ${at(0.95)} ms (${(found / searches).toFixed(1)} found)`,
  );
}

/** A call as most are: rung, answered, connected by a few candidates, hung up. */
function record(n: number): CallRecord {
  const startedAt = Math.floor(from + n * between);
  const [caller, callee] = [`user-${n % users}`, `user-${(n * 7 + 1) % users}`];
  const [one, other] = [`${caller}/laptop`, `${callee}/phone`];
  const random = Buffer.from(crypto.getRandomValues(new Uint8Array(9))).toString("base64url");
  const jitter = (at: number): number => at + Math.floor(Math.random() * 40);
  const row = (
    at: number,
    fromParty: string,
    to: string,
    type: string,
    more: Partial<LadderRow> = {},
  ): LadderRow => ({
    ...{ at: jitter(at), from: fromParty, to, type },
    ...more,
  });
  const media = [
    { kind: "audio", direction: "sendrecv", codecs: ["opus", "G722", "PCMU", "PCMA"] },
    { kind: "video", direction: "sendrecv", codecs: ["VP8", "VP9", "H264", "AV1"] },
  ] as const;
  const candidates = { "host/udp": 2, "srflx/udp": 1, "relay/udp": 1 };
  const relayed = (at: number, type: string, more: Partial<LadderRow>, back = false): LadderRow[] => {
    const [sender, receiver] = back ? [other, one] : [one, other];
    return [
      row(at, sender, "server", type, { ...more, outcome: "ok" }),
      row(at, "server", receiver, type, more),
    ];
  };
  const ladder = [
    row(0, one, "server", "call", { outcome: "ok" }),
    row(2, "server", other, "incoming"),
    row(180, other, "server", "ringing"),
    row(181, "server", one, "ringing", { note: "phone" }),
    row(4_200, other, "server", "accept", { outcome: "ok" }),
    row(4_201, "server", one, "accepted", { note: "phone" }),
    row(4_220, one, "server", "confirm", { outcome: "ok" }),
    ...relayed(4_300, "signal", { bytes: 4_100 + (n % 900), description: { type: "offer", media } }),
    ...relayed(4_330, "signal", { bytes: 420, candidates }),
    ...relayed(4_460, "signal", { bytes: 3_700 + (n % 700), description: { type: "answer", media } }, true),
    ...relayed(4_480, "signal", { bytes: 380, candidates, lastCandidates: true }, true),
    row(4_700, one, "server", "report", { state: "connected", note: "host/udp" }),
    row(4_710, other, "server", "report", { state: "connected", note: "host/udp" }),
    row(64_000, one, "server", "hangup", { outcome: "ok" }),
    row(64_001, "server", other, "ended", { note: "hangup" }),
  ];
  const last = {
    ...{
      state: "connected",
      rtt: 20 + (n % 90),
      jitter: n % 30,
      lossIn: (n % 7) / 100,
      lossOut: (n % 5) / 100,
    },
    ...{ bitrateIn: 1_200_000 + n, bitrateOut: 1_100_000 + n },
  } as CallRecord["legs"][number]["last"] & object;
  const leg = (user: string, device: string, side: "caller" | "callee"): CallRecord["legs"][number] => ({
    ...{ user, device, side, protocol: "native", kind: "browser", connectedAt: startedAt + jitter(4_700) },
    ...{
      endedAt: startedAt + 64_000,
      reason: "hangup",
      states: ["connecting", "connected"],
      last,
      worst: { rtt: 80, jitter: 20 },
    },
  });
  return {
    ...{ session: `s_${random}${n.toString(36)}`, node: "n1", kind: "call", state: "ended", startedAt },
    ...{ caller: { user: caller, device: "laptop" }, callee: { user: callee, device: "phone" } },
    ...{ ringingAt: startedAt + 180, acceptedAt: startedAt + 4_220, connectedAt: startedAt + 4_700 },
    ...{ endedAt: startedAt + 64_000, reason: "hangup", by: { user: caller, device: "laptop" } },
    ...{ legs: [leg(caller, "laptop", "caller"), leg(callee, "phone", "callee")], moves: [], restarts: 0 },
    ...{ ladder, skippedRows: 0 },
  };
}
