import type { Frames, TimedFrame } from "./ladder-model.ts";

/** A call as both of its ends saw it on one machine: alice calls bob, bob's laptop and phone ring, the laptop answers. */
const session = "s_1f7c09";
const start = 1_790_000_000_000;
const peer = { user: "bob", device: "d-lap", kind: "browser", name: "Chrome on Linux" };
const caller = { user: "alice", device: "d-one", kind: "browser", name: "Chrome on macOS" };
const sdp = "v=0\r\no=- 4611686018427387904 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n";
const candidate = {
  candidate: "candidate:1 1 udp 2122260223 192.0.2.7 50000 typ host",
  sdpMid: "0",
  sdpMLineIndex: 0,
};
const candidates = (n: number) => Array.from({ length: n }, () => candidate);
const at = (ms: number, out: boolean, frame: TimedFrame["frame"]): TimedFrame => ({
  at: start + ms,
  out,
  frame,
});
const pair = { session, pair: 1, generation: 1 };

/** The caller's side, up to the ring. */
export const ringing: readonly TimedFrame[] = [
  at(0, true, { id: 5, type: "call", to: "bob", media: { audio: true, video: true } }),
  at(8, false, { re: 5, seq: 9, ok: { session } }),
  at(31, false, { seq: 10, type: "ringing", session, device: peer }),
  at(44, false, {
    seq: 11,
    type: "ringing",
    session,
    device: { ...peer, device: "d-pho", name: "Safari on iPhone" },
  }),
];

export const talking: readonly TimedFrame[] = [
  ...ringing,
  at(4031, false, { seq: 12, type: "accepted", ...pair, device: "d-lap", peer }),
  at(4033, true, { id: 6, type: "confirm", session, device: "d-lap" }),
  at(4037, false, { re: 6, seq: 13, ok: {} }),
  at(4052, true, { id: 7, type: "signal", ...pair, description: { type: "offer", sdp } }),
  at(4074, true, { id: 8, type: "signal", ...pair, candidates: candidates(2) }),
  at(4090, false, { seq: 14, type: "signal", ...pair, description: { type: "answer", sdp } }),
  at(4112, false, { seq: 15, type: "signal", ...pair, candidates: candidates(3) }),
  at(4174, true, { id: 9, type: "signal", ...pair, candidates: candidates(4) }),
  at(4175, true, { id: 10, type: "signal", ...pair, endOfCandidates: true }),
  at(4190, false, { seq: 16, type: "signal", ...pair, candidates: candidates(1), endOfCandidates: true }),
  at(4206, true, {
    id: 11,
    type: "report",
    session,
    stats: { pair: 1, state: "connected", path: "direct", rtt: 12, local: "host", remote: "host" },
  }),
];

/** The callee's side of the same call. */
export const callee: readonly TimedFrame[] = [
  at(2, false, {
    seq: 5,
    type: "incoming",
    ...pair,
    from: caller,
    to: "bob",
    age: 0,
    expires: 55_000,
    offer: false,
  }),
  at(29, true, { id: 3, type: "ringing", session }),
  at(30, false, { re: 3, seq: 6, ok: {} }),
  at(4029, true, { id: 4, type: "accept", session }),
  at(4035, false, { re: 4, seq: 7, ok: { ...pair } }),
  at(4053, false, { seq: 8, type: "signal", ...pair, description: { type: "offer", sdp } }),
  at(4076, false, { seq: 9, type: "signal", ...pair, candidates: candidates(2) }),
  at(4089, true, { id: 5, type: "signal", ...pair, description: { type: "answer", sdp } }),
  at(4110, true, { id: 6, type: "signal", ...pair, candidates: candidates(3) }),
  at(4176, false, { seq: 10, type: "signal", ...pair, candidates: candidates(4) }),
  at(4177, false, { seq: 11, type: "signal", ...pair, endOfCandidates: true }),
  at(4189, true, { id: 7, type: "signal", ...pair, candidates: candidates(1), endOfCandidates: true }),
];

export const restarted: readonly TimedFrame[] = [
  ...talking,
  at(64_000, true, { id: 12, type: "restart", ...pair }),
  at(64_006, false, { re: 12, seq: 17, ok: { pair: 1, generation: 2, offer: true } }),
  at(64_007, false, { seq: 18, type: "restart", session, pair: 1, generation: 2, offer: true }),
  at(64_020, true, {
    id: 13,
    type: "signal",
    session,
    pair: 1,
    generation: 2,
    description: { type: "offer", sdp },
  }),
  at(64_030, true, { id: 14, type: "signal", session, pair: 1, generation: 2, candidates: candidates(6) }),
  at(64_043, false, {
    seq: 19,
    type: "signal",
    session,
    pair: 1,
    generation: 2,
    description: { type: "answer", sdp },
  }),
  at(64_120, true, {
    id: 15,
    type: "report",
    session,
    stats: { pair: 1, state: "connected", path: "relay", rtt: 31, local: "relay", remote: "host" },
  }),
];

export const over: readonly TimedFrame[] = [
  ...restarted,
  at(90_000, false, { seq: 20, type: "ended", session, reason: "hangup", by: peer }),
];

export const signedIn: readonly TimedFrame[] = [
  at(-900, true, { type: "hello", instance: "i1234567", attempt: 1, device: { id: "d-one" } }),
  at(-893, false, { type: "welcome", resumed: false, user: "alice", device: "d-one", got: 0 }),
  at(-890, true, { id: 1, type: "join", room: "room:front" }),
  at(-887, false, { re: 1, seq: 1, ok: { member: "m1", count: 2 } }),
];

/** Frames of both ends, as the page holds them. */
export function framesOf(near: readonly TimedFrame[], far: readonly TimedFrame[] = [], named = true): Frames {
  return {
    me: "alice",
    peer: named ? "bob" : "",
    ...(named ? { session } : {}),
    since: start - 1_000,
    near,
    far,
  };
}
