import { describe, expect, test } from "bun:test";
import { callee, framesOf, over, restarted, ringing, signedIn, talking } from "./gallery-frames.ts";
import { ladder } from "./ladder.ts";
import type { Frames, TimedFrame } from "./ladder-model.ts";
import { ladderText } from "./ladder-text.ts";

const rungs = (frames: Frames) =>
  ladder(frames).phases.map(({ name, rows }) => [
    name,
    ...rows.map(({ out, label, mark }) => [out ? ">" : "<", label, mark].filter(Boolean).join(" ")),
  ]);

/** Frames of a call with `first` as its beginning, one ms apart. */
const tell = (...frames: [out: boolean, frame: TimedFrame["frame"]][]): Frames => ({
  ...framesOf(frames.map(([out, frame], index) => ({ at: 2_000_000_000_000 + index, out, frame }))),
});
const session = "s_1f7c09";

describe("the ladder of a call", () => {
  test("request and reply are one rung; candidates merge; reports, acks and pings are folded away", () => {
    expect(rungs(framesOf(talking))).toEqual([
      ["Find", "> call bob ✓ 8 ms", "< ringing", "< ringing", "< accepted", "> confirm ✓ 4 ms"],
      [
        "Negotiate",
        "> signal offer",
        "> signal 2 cand.",
        "< signal answer",
        "< signal 4 cand.",
        "> signal 4 cand.",
      ],
    ]);
  });

  test("candidates of one direction merge across those of the other, but not across anything else", () => {
    const candidates = { type: "signal", session, pair: 1, generation: 1, candidates: [{}] };
    const offer = { type: "signal", session, pair: 1, generation: 1, description: { type: "offer" } };
    const frames = tell(
      [true, { ...candidates, id: 1 }],
      [false, candidates],
      [true, { ...candidates, id: 2 }],
      [false, candidates],
      [true, { ...offer, id: 3 }],
      [true, { ...candidates, id: 4 }],
    );
    expect(rungs(frames)).toEqual([
      ["Negotiate", "> signal 2 cand.", "< signal 2 cand.", "> signal offer", "> signal 1 cand."],
    ]);
    expect(ladder(frames).phases[0]?.rows[0]?.frames).toHaveLength(2);
  });

  test("a report that media flows shows the media, with its path and delay", () => {
    expect(ladder(framesOf(talking)).phases[1]?.media).toEqual({ relayed: false, delay: 12 });
    expect(ladder(framesOf(talking.slice(0, -1))).phases[1]?.media).toBeUndefined();
    expect(ladder(framesOf(restarted)).phases[2]?.media).toEqual({ relayed: true, delay: 31 });
  });

  test("a restart is a reset, its own push no rung; answered while media flows, it is over without a report", () => {
    expect(rungs(framesOf(restarted))[2]).toEqual([
      "Reset",
      "> restart ✓ 6 ms",
      "> signal offer",
      "> signal 6 cand.",
      "< signal answer",
    ]);
    const unreported = framesOf(restarted.slice(0, -1));
    expect(ladder(unreported).phases[2]?.media).toBeUndefined();
    expect(ladder({ ...unreported, flowing: true }).phases[2]?.media).toEqual({ relayed: false, delay: 12 });
  });

  test("a restart that the other end asked for is a rung", () => {
    const frames = tell([false, { type: "restart", session, pair: 1, generation: 2, offer: false }]);
    expect(rungs(frames)).toEqual([["Reset", "< restart"]]);
  });

  test("a link that comes back in a call is a reset that lost nothing", () => {
    const frames = framesOf([
      ...talking,
      { at: 2_000_000_000_000, out: true, frame: { type: "hello", resume: { seq: 12 } } },
      { at: 2_000_000_000_007, out: false, frame: { type: "welcome", resumed: true } },
    ]);
    expect(rungs(frames)[2]).toEqual(["Reset", "> resume ✓ 7 ms"]);
    expect(ladder(frames).phases[2]?.sentence).toContain("nothing was lost");
  });

  test("attempts to resume that went nowhere are one rung with the one that came through", () => {
    const hello = (at: number) => ({ at, out: true, frame: { type: "hello", resume: { seq: 12 } } });
    const frames = framesOf([...talking, hello(2e12), hello(2e12 + 1_000), hello(2e12 + 3_000)]);
    expect(rungs(frames)[2]).toEqual(["Reset", "> resume"]);
    expect(ladder(frames).phases[2]?.sentence).toBe(
      "The link to the server is lost. The media does not need it.",
    );
  });

  test("a lost link, a new path and a move are three resets; what closes a move opens none", () => {
    const told = (frame: TimedFrame["frame"], out = false): [boolean, TimedFrame["frame"]] => [
      out,
      { session, ...frame },
    ];
    const connected = { type: "report", stats: { state: "connected", path: "direct", rtt: 3 } };
    const frames = tell(
      told({ type: "signal", pair: 1, generation: 1, description: { type: "offer" } }),
      told(connected, true),
      told({ type: "peer", link: "suspended" }),
      told({ type: "peer", link: "live" }),
      told({ type: "restart", pair: 1, generation: 2, offer: false }),
      told({ type: "pair", pair: 2, generation: 1 }),
      told({ type: "signal", pair: 2, generation: 1, description: { type: "offer" } }, true),
      told(connected, true),
      told({ type: "moved", pair: 2 }),
    );
    expect(rungs(frames)).toEqual([
      ["Negotiate", "< signal offer"],
      ["Reset", "< peer suspended", "< peer live"],
      ["Reset", "< restart"],
      ["Reset", "< pair 2", "> signal offer", "< moved"],
    ]);
  });

  test("a call that comes back from another device is found anew", () => {
    const frames = tell(
      [false, { type: "incoming", session, from: { user: "bob" } }],
      [false, { type: "ended", session, reason: "answered_elsewhere" }],
      [false, { type: "incoming", session, from: { user: "bob" }, movedFrom: "d-lap" }],
      [true, { type: "accept", session, id: 3 }],
      [false, { type: "signal", session, pair: 2, generation: 1, description: { type: "offer" } }],
    );
    expect(rungs(frames)).toEqual([
      ["Find", "< incoming"],
      ["Close", "< ended, answered elsewhere"],
      ["Find", "< incoming", "> accept"],
      ["Negotiate", "< signal offer"],
    ]);
    const [, , found] = ladder(frames).phases;
    expect(found?.sentence).toBe("A device of yours hands its call with bob over to this one.");
    expect(found?.rows.map(({ far }) => far)).toEqual([undefined, undefined]);
  });

  test("frames of other calls, and from before this one, are left out", () => {
    const other = {
      at: 1_790_000_000_002,
      out: false,
      frame: { type: "incoming", session: "s_other", seq: 3 },
    };
    expect(rungs(framesOf([...signedIn, ...talking, other]))).toEqual([
      ["Find", "> hello ✓ 7 ms", ...(rungs(framesOf(talking))[0]?.slice(1) ?? [])],
      ...rungs(framesOf(talking)).slice(1),
    ]);
    const late = { ...framesOf([...signedIn, ...talking]), since: 1_790_000_000_000 };
    expect(rungs(late)).toEqual(rungs(framesOf(talking)));
  });

  test("before any call it tells of the sign-in", () => {
    const told = ladder(framesOf(signedIn, [], false));
    expect(told.phases.map(({ name }) => name)).toEqual(["Find"]);
    expect(told.phases[0]?.sentence).toBe("The server now knows you as alice, and which device you use.");
  });

  test("an error is a rung that failed, and names it", () => {
    const frames = tell(
      [true, { type: "call", id: 4, to: "bob" }],
      [false, { re: 4, seq: 1, error: { code: "too_many_rings" } }],
    );
    expect(ladder(frames).phases[0]?.rows[0]).toMatchObject({
      failed: true,
      label: "too_many_rings",
      mark: "✗",
    });
  });

  test("a label is whole, whoever is called: only the eye gets it shortened", () => {
    const frames = tell(
      [true, { type: "call", id: 4, to: "konstantin-alexander.von-habsburg" }],
      [false, { re: 4, seq: 1, ok: { session } }],
      [false, { type: "ended", session, reason: "answered_elsewhere" }],
    );
    expect(rungs(frames)).toEqual([
      ["Find", "> call konstantin-alexander.von-habsburg ✓ 1 ms"],
      ["Close", "< ended, answered elsewhere"],
    ]);
  });

  test("sentences say what the server did", () => {
    const first = (frames: Frames) => ladder(frames).phases.map(({ sentence }) => sentence);
    expect(first(framesOf(ringing.slice(0, 1)))).toEqual(["The server looks for bob’s devices."]);
    expect(first(framesOf(ringing.slice(0, 3)))).toEqual([
      "The server found bob at one device and rings it.",
    ]);
    expect(first(framesOf(ringing))).toEqual(["The server found bob at two devices and rings both."]);
    expect(first(framesOf(over)).at(-1)).toBe("bob hung up. The server forgot the call.");
  });
});

describe("the far half", () => {
  test("is inferred when only this end was seen", () => {
    const told = ladder(framesOf(talking));
    expect(told.real).toBe(false);
    expect(told.phases[0]?.rows[0]?.far).toEqual({ label: "incoming" });
    expect(told.phases[0]?.rows.at(-1)?.far).toEqual({ label: "accept ✓" });
  });

  test("is real, with its way in ms, when the other tab told its frames", () => {
    const [find, negotiate] = ladder(framesOf(talking, callee)).phases;
    expect(find?.rows.map(({ far }) => far)).toEqual([
      { label: "incoming", ms: 2 },
      { label: "ringing", ms: 2 },
      // The second device that rang is no tab of this browser.
      { label: "ringing" },
      { label: "accept", ms: 2 },
      { label: "accept ✓", ms: 2 },
    ]);
    expect(negotiate?.rows.every(({ far }) => far?.ms !== undefined)).toBe(true);
  });

  test("is not there when the server speaks for itself", () => {
    const frames = tell([false, { type: "peer", session, link: "suspended" }]);
    expect(ladder(frames).phases[0]?.rows[0]?.far).toBeUndefined();
  });
});

describe("the set-up", () => {
  test("is timed without the ringing, and the server's part told when both ends were seen", () => {
    // 31 ms to the first ring, then 4031 accepted to 4206 connected.
    expect(ladder(framesOf(talking)).setUp).toEqual({ ms: 206 });
    // call 2, accept 2, confirm 2 (its far half is the reply to accept), offer 1, answer 1.
    expect(ladder(framesOf(talking, callee)).setUp).toEqual({ ms: 206, server: 8 });
  });

  test("is not told before media flows", () => {
    expect(ladder(framesOf(talking.slice(0, -1))).setUp).toBeUndefined();
  });
});

test("as text the ladder can be pasted into a report", () => {
  const lines = ladderText(ladder(framesOf(talking, callee)), "alice", "bob").split("\n");
  expect(lines.slice(0, 6)).toEqual([
    "Switchboard: alice — server — bob",
    "",
    "Find: The server found bob at two devices; the first to answer got the call.",
    "  call bob ✓ 8 ms      ──▶ ──▶ incoming 2 ms",
    "  ringing              ◀── ◀── ringing 2 ms",
    "  ringing              ◀── ◀── (ringing)",
  ]);
  expect(lines).toContain("  ═════ media, direct, 12 ms ═════");
  expect(lines.at(-2)).toBe("Set up in 206 ms, 8 of them the server");
});
