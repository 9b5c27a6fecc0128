import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { eventsTable } from "../../events/reference.ts";
import type { CallRecord, LadderRow, RecordLeg } from "../record.ts";
import { causes, diagnose } from "./diagnose.ts";
import { causesTable } from "./reference.ts";

const read = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), "utf8");

function leg(side: "caller" | "callee", more: Partial<RecordLeg> = {}): RecordLeg {
  const [user, device] = side === "caller" ? ["alice", "laptop"] : ["bob", "phone"];
  return { user, device, side, protocol: "native", states: [], worst: {}, ...more };
}

function record(more: Partial<CallRecord> = {}): CallRecord {
  return {
    session: "s_1",
    node: "n1",
    kind: "call",
    state: "ended",
    caller: { user: "alice", device: "laptop" },
    callee: { user: "bob" },
    startedAt: 1_000,
    endedAt: 31_000,
    legs: [leg("caller")],
    moves: [],
    restarts: 0,
    ladder: [],
    skippedRows: 0,
    ...more,
  };
}

const rung = leg("callee", { rungAt: 1_010 });
const row = (more: Partial<LadderRow> = {}): LadderRow => ({
  at: 0,
  from: "server",
  to: "bob/phone",
  type: "signal",
  ...more,
});
const both: LadderRow[] = [
  row({ from: "alice/laptop", description: { type: "offer", media: [] }, candidates: { "host/udp": 1 } }),
  row({ from: "bob/phone", description: { type: "answer", media: [] }, candidates: { "host/udp": 1 } }),
];
/** Answered, and then `last` of the caller's reports; the callee only says what it needs to. */
function answered(
  last: NonNullable<RecordLeg["last"]>,
  more: Partial<CallRecord> = {},
  ladder = both,
): CallRecord {
  const legs = [
    leg("caller", { states: ["connecting", last.state], last }),
    leg("callee", {
      rungAt: 1_010,
      acceptedAt: 5_000,
      states: ["connecting"],
      last: { state: "connecting" },
    }),
  ];
  return record({ acceptedAt: 5_000, reason: "hangup", legs, ladder, ...more });
}
/** A call of 30 s whose caller was connected, and then reported that it is not. `since`: ms after the start. */
function lostFrom(since: number): CallRecord {
  const down = row({ at: since, from: "alice/laptop", to: "server", type: "report", state: "disconnected" });
  const found = answered({ state: "disconnected" }, { connectedAt: 6_000 }, [...both, down]);
  found.legs[0]?.states.unshift("connected");
  return found;
}
/** The callee's device could not open what it needs to answer. */
function unopened(refusedMedia: { audio?: string; video?: string }): CallRecord {
  const last = { state: "new" as const, refusedMedia };
  const legs = [leg("caller"), { ...rung, alertingAt: 1_100, states: ["new"], last }];
  return record({ reason: "no_answer", legs });
}
const relay = "turn:turn.example:3478";

const cases: readonly [code: string, certainty: string, of: CallRecord][] = [
  [
    "refused_by_hook",
    "certain",
    record({ state: "refused", reason: "forbidden", ladder: [row({ to: "hook", outcome: "refused" })] }),
  ],
  [
    "hook_failed",
    "certain",
    record({ state: "refused", reason: "temporary", ladder: [row({ to: "hook", outcome: "timeout" })] }),
  ],
  ["not_allowed", "certain", record({ state: "refused", reason: "forbidden" })],
  ["token_expired", "certain", record({ state: "refused", reason: "token_expired" })],
  ["over_limit", "certain", record({ state: "refused", reason: "too_many_rings" })],
  ["server_busy", "certain", record({ state: "refused", reason: "temporary" })],
  ["bad_request", "certain", record({ state: "refused", reason: "bad_request" })],
  ["not_there", "certain", record({ reason: "unreachable" })],
  [
    "went_offline",
    "certain",
    record({ reason: "unreachable", legs: [leg("caller"), { ...rung, alertingAt: 1_100 }] }),
  ],
  ["push_failed", "certain", record({ reason: "no_answer", ladder: [row({ to: "push", outcome: "410" })] })],
  ["push_late", "likely", record({ reason: "no_answer", ladder: [row({ to: "push", outcome: "ok" })] })],
  ["busy", "certain", record({ reason: "busy", legs: [leg("caller"), rung] })],
  [
    "declined",
    "certain",
    record({ reason: "declined", legs: [leg("caller"), { ...rung, reason: "declined" }] }),
  ],
  [
    "declined_by_device",
    "certain",
    record({ reason: "declined", legs: [leg("caller"), { ...rung, reason: "declined", automatic: true }] }),
  ],
  [
    "caller_not_reached",
    "certain",
    record({ placed: "from", reason: "declined", legs: [{ ...leg("caller"), reason: "declined" }] }),
  ],
  [
    "caller_not_reached",
    "certain",
    record({ placed: "to", reason: "unreachable", legs: [{ ...rung, acceptedAt: 2_000 }] }),
  ],
  ["glare", "certain", record({ reason: "merged", legs: [leg("caller"), rung] })],
  ["not_alerted", "likely", record({ reason: "no_answer", legs: [leg("caller"), rung] })],
  [
    "no_answer",
    "certain",
    record({ reason: "no_answer", legs: [leg("caller"), { ...rung, alertingAt: 1_100 }] }),
  ],
  [
    "caller_gave_up",
    "certain",
    record({ reason: "cancelled", legs: [leg("caller"), { ...rung, alertingAt: 1_100 }] }),
  ],
  [
    "not_confirmed",
    "certain",
    record({ reason: "unconfirmed", legs: [leg("caller"), { ...rung, acceptedAt: 2_000 }] }),
  ],
  ["media_refused", "certain", unopened({ video: "NotAllowedError" })],
  ["media_missing", "certain", unopened({ audio: "NotFoundError" })],
  ["media_in_use", "certain", unopened({ video: "NotReadableError" })],
  ["no_common_codec", "likely", answered({ state: "closed" }, { reason: "incompatible" })],
  ["no_description", "certain", answered({ state: "connecting" }, {}, both.slice(0, 1))],
  [
    "turn_credentials",
    "certain",
    answered({ state: "failed", candidates: { "host/udp": 1 }, iceErrors: [{ url: relay, code: 401 }] }),
  ],
  [
    "turn_quota",
    "certain",
    answered({ state: "failed", candidates: { "host/udp": 1 }, iceErrors: [{ url: relay, code: 486 }] }),
  ],
  [
    "turn_peer_denied",
    "certain",
    answered({ state: "failed", candidates: { "host/udp": 1 }, iceErrors: [{ url: relay, code: 403 }] }),
  ],
  [
    "turn_unreachable",
    "likely",
    answered({ state: "failed", candidates: { "host/udp": 1 }, iceErrors: [{ url: relay, code: 701 }] }),
  ],
  [
    "udp_blocked",
    "likely",
    answered({
      state: "failed",
      candidates: { "host/udp": 1, "relay/tcp": 1 },
      iceErrors: [{ url: "stun:s.example", code: 701 }],
    }),
  ],
  [
    // Neither STUN nor TURN: it is not TURN that is down.
    "udp_blocked",
    "likely",
    answered({
      state: "failed",
      candidates: { "host/udp": 1 },
      iceErrors: [
        { url: "stun:s.example", code: 701 },
        { url: relay, code: 701 },
      ],
    }),
  ],
  [
    // STUN had answered before ICE was restarted.
    "turn_unreachable",
    "likely",
    answered(
      {
        state: "failed",
        candidates: { "host/udp": 1 },
        iceErrors: [
          { url: "stun:s.example", code: 701 },
          { url: relay, code: 701 },
        ],
      },
      {},
      [...both, row({ from: "alice/laptop", candidates: { "srflx/udp": 1 } })],
    ),
  ],
  ["no_candidates", "certain", answered({ state: "failed", candidates: {} })],
  ["only_mdns", "likely", answered({ state: "failed", candidates: { "mdns/udp": 2 } })],
  ["fingerprint_mismatch", "certain", answered({ state: "failed", dtlsError: "fingerprint-failure" })],
  ["dtls_failed", "likely", answered({ state: "failed", dtls: "failed" })],
  ["no_relay", "likely", answered({ state: "failed" })],
  [
    "ice_failed",
    "likely",
    answered(
      { state: "failed" },
      {},
      both.map((one) => ({ ...one, candidates: { "relay/udp": 1 } })),
    ),
  ],
  ["hung_up_before_media", "likely", answered({ state: "connecting" })],
  ["server_lost_it", "certain", answered({ state: "connected" }, { connectedAt: 6_000, reason: "shutdown" })],
  ["link_lost", "certain", answered({ state: "connected" }, { connectedAt: 6_000, reason: "lost" })],
  ["signed_out", "certain", answered({ state: "connected" }, { connectedAt: 6_000, reason: "forbidden" })],
  ["page_closed", "certain", answered({ state: "connected" }, { connectedAt: 6_000, reason: "closed" })],
  ["connection_lost", "certain", answered({ state: "failed" }, { connectedAt: 6_000 })],
  // ICE is restarted over and over, until somebody hangs up; or just as somebody does.
  ["connection_lost", "likely", lostFrom(20_000)],
  ["no_fault", "certain", lostFrom(28_000)],
  ["no_fault", "certain", answered({ state: "connected" }, { connectedAt: 6_000 })],
  ["unknown", "unknown", record({ reason: "left" })],
];

for (const [code, certainty, of] of cases)
  test(`a record shows ${code}`, () => {
    const [cause] = diagnose(of);
    expect(cause).toMatchObject({ code, certainty });
    for (const index of cause?.rows ?? []) expect(index).toBeLessThan(Math.max(1, of.ladder.length));
  });

test("what happens beside a cause is told with it", () => {
  const of = answered(
    { state: "connected", packets: { audio: [0, 500] }, rtt: 600 },
    { connectedAt: 15_000, restarts: 1 },
  );
  const [caller, callee] = of.legs;
  Object.assign(caller?.worst ?? {}, { rtt: 600 });
  Object.assign(callee?.last ?? {}, { packets: { audio: [400, 500] } });
  for (const one of of.legs) one.lastAt = 30_000;
  const moves = [{ at: 9_000, user: "bob", from: "phone", to: "laptop" }];
  const ladder = [...both, row({ type: "session", note: "recovered" })];
  const codes = diagnose({ ...of, moves, ladder }).map((finding) => finding.code);
  // No fault, it would say, if both had heard each other.
  expect(codes).toEqual([
    "one_way_audio",
    "node_died",
    "network_changed",
    "moved",
    "poor_network",
    "slow_setup",
  ]);
});

test("reports of different times say nothing about which end hears the other", () => {
  const of = answered({ state: "connected", packets: { audio: [0, 500] } }, { connectedAt: 6_000 });
  const [caller, callee] = of.legs;
  Object.assign(callee?.last ?? {}, { packets: { audio: [400, 500] } });
  const codes = (callerAt: number, calleeAt: number): string[] => {
    Object.assign(caller ?? {}, { lastAt: callerAt });
    Object.assign(callee ?? {}, { lastAt: calleeAt });
    return diagnose(of).map(({ code }) => code);
  };
  expect(codes(16_000, 16_000)).toContain("one_way_audio");
  expect(codes(6_010, 6_010)).not.toContain("one_way_audio");
  expect(codes(16_000, 26_000)).not.toContain("one_way_audio");
});

test("a few packets that came before the path was chosen are almost none", () => {
  const of = answered({ state: "connected", packets: { audio: [5, 1_000] } }, { connectedAt: 6_000 });
  for (const one of of.legs) one.lastAt = 16_000;
  Object.assign(of.legs[1]?.last ?? {}, { packets: { audio: [1_000, 1_000] } });
  expect(diagnose(of)[0]).toMatchObject({
    code: "one_way_audio",
    certainty: "likely",
    text: "bob/phone sends audio, and alice/laptop gets almost none.",
  });
  Object.assign(of.legs[0]?.last ?? {}, { packets: { audio: [100, 1_000] } });
  expect(diagnose(of)[0]?.code).toBe("no_fault");
});

test("a session that lives and is well has no findings", () => {
  const { endedAt: _, ...living } = answered({ state: "connected" }, { state: "active", connectedAt: 6_000 });
  const { reason: __, ...open } = living;
  expect(diagnose(open)).toEqual([]);
});

test("the documents have every cause and event, each once", () => {
  expect(read("docs/diagnosis.md"), "run `npm run docs`").toContain(causesTable());
  expect(read("docs/events.md"), "run `npm run docs`").toContain(eventsTable());
  const codes = causes.map(({ code }) => code);
  expect(new Set(codes).size).toBe(codes.length);
  expect(codes.length).toBeGreaterThanOrEqual(24);
});

test("another fingerprint than the other end has is a mismatch only where DTLS failed, and the algorithm is the same", () => {
  const told = (named: string, dtls = "failed"): string | undefined => {
    const record = answered({ state: "failed", dtls, fingerprints: ["SHA-256 AB", named] });
    const [, callee] = record.legs;
    if (callee !== undefined)
      callee.last = { state: "connecting", fingerprints: ["SHA-256 CD", "SHA-256 AB"] };
    return diagnose(record)[0]?.code;
  };
  expect(told("SHA-256 EF")).toBe("fingerprint_mismatch");
  expect(told("SHA-256 CD")).toBe("dtls_failed");
  expect(told("SHA-512 EF")).toBe("dtls_failed");
  expect(told("")).toBe("dtls_failed");
  expect(told("SHA-256 EF", "connecting")).not.toBe("fingerprint_mismatch");
});

test("of an end that sent no report, its last description says which fingerprint it has", () => {
  const told = (own: string): string | undefined => {
    const record = answered({
      state: "failed",
      dtls: "failed",
      fingerprints: ["SHA-256 AB", "SHA-256 EF"],
    });
    const description = { type: "answer", media: [], fingerprint: own };
    const row = { at: 5, from: "bob/phone", to: "server", type: "signal", description };
    return diagnose({ ...record, ladder: [...record.ladder, row] })[0]?.code;
  };
  expect(told("SHA-256 CD")).toBe("fingerprint_mismatch");
  expect(told("SHA-256 EF")).toBe("dtls_failed");
});

test("a private address that TURN denied is no cause where the peer has others", () => {
  const told = (note: string, candidates: Record<string, number>): string | undefined => {
    const record = answered({ state: "failed", candidates: { "host/udp": 1, "relay/udp": 1 } });
    const [, callee] = record.legs;
    if (callee !== undefined) callee.last = { state: "failed", candidates };
    const row = { at: 5, from: "turn", to: "alice/laptop", type: "permission", outcome: "403", note };
    return diagnose({ ...record, ladder: [...record.ladder, row] })[0]?.code;
  };
  expect(told("private", { "host/udp": 1, "relay/udp": 1 })).toBe("ice_failed");
  expect(told("configured", { "host/udp": 1, "relay/udp": 1 })).toBe("turn_peer_denied");
  expect(told("private", { "host/udp": 1 })).toBe("turn_peer_denied");
});
