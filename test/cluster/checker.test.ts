import { describe, expect, test } from "bun:test";
import { check, type Expectations } from "./checker.ts";
import type { Entry, Event } from "./journal.ts";

/** Rules that a journal breaks. A number stands for the time until the next event, ms. */
function broken(events: readonly (Event | number)[], expectations: Expectations = { mayLose: [] }): string[] {
  let at = 0;
  const entries: Entry[] = [];
  for (const event of events)
    if (typeof event === "number") at += event;
    else {
      at += 1;
      entries.push({ at, ...event });
    }
  return [...new Set(check(entries, expectations).map(({ rule }) => rule))];
}

const link = (device: string, name = "l1", more = {}): Event =>
  ({ what: "link", device, link: name, node: "n1", resumed: false, ...more }) as Event;
const resumed = (device: string, name = "l1"): Event => link(device, name, { resumed: true });
const stream = (whole = true): Event => ({ what: "stream", stream: "s", from: "a/1", to: "b/1", whole });
const sent = (n: number, outcome?: "done" | "refused" | "unknown" | "nobody"): Event[] => [
  { what: "sent", stream: "s", n },
  ...(outcome === undefined ? [] : [{ what: "settled", stream: "s", n, outcome } as const]),
];
const got = (n: number, on = "l1"): Event => ({ what: "got", stream: "s", n, device: "b/1", link: on });
const holds = (device: string): Event => ({ what: "holds", device, session: "x", role: "caller" });
const stands = (device: string, peer: string, generation = 1): Event => ({
  what: "stands",
  device,
  session: "x",
  pair: 1,
  generation,
  peer,
});
const ended = (device: string, reason = "hangup"): Event => ({ what: "ended", device, session: "x", reason });
const shown = (...devices: string[]): Event => ({ what: "presence", watcher: "w/1", user: "b", devices });

describe("links", () => {
  test("a resumed link is fine, a lost one is not, unless its node was killed", () => {
    expect(broken([link("a/1"), resumed("a/1")])).toEqual([]);
    expect(broken([link("a/1"), link("a/1", "l2")])).toEqual(["resume"]);
    expect(broken([link("a/1"), link("a/1", "l2")], { mayLose: ["n1"] })).toEqual([]);
    expect(broken([link("a/1"), link("a/1", "l2")], { mayLose: ["n2"] })).toEqual(["resume"]);
  });

  test("a gap, an end for good, a step that never came, and what is left over are told", () => {
    expect(broken([{ what: "disorder", device: "a/1", link: "l1", seq: 5, after: 3 }])).toEqual(["order"]);
    expect(broken([{ what: "stopped", device: "a/1", code: 4300 }])).toEqual(["stopped"]);
    expect(broken([{ what: "stuck", device: "a/1", doing: "restart" }])).toEqual(["stuck"]);
    expect(broken([{ what: "rest", node: "n1", links: 0, sessions: 0 }])).toEqual([]);
    expect(broken([{ what: "rest", node: "n1", links: 0, sessions: 1 }])).toEqual(["rest"]);
  });
});

describe("numbered streams", () => {
  const begin = [link("a/1"), link("b/1"), stream()];

  test("each once and in order", () => {
    expect(broken([...begin, ...sent(0, "done"), ...sent(1, "done"), got(0), got(1)])).toEqual([]);
    expect(broken([...begin, ...sent(0, "done"), got(0), got(0)])).toEqual(["doubled"]);
    expect(broken([...begin, ...sent(0, "done"), ...sent(1, "done"), got(1), got(0)])).toEqual(["reordered"]);
    expect(broken([...begin, got(0)])).toEqual(["doubled"]);
  });

  test("what was done and never came is lost: in the middle, at the begin, at the end", () => {
    const three = [...sent(0, "done"), ...sent(1, "done"), ...sent(2, "done")];
    expect(broken([...begin, ...three, got(0), got(2)])).toEqual(["lost"]);
    expect(broken([...begin, ...three, got(1), got(2)])).toEqual(["lost"]);
    expect(broken([...begin, ...three, got(0), got(1)])).toEqual(["lost"]);
  });

  test("the end of a stream that need not be whole may be missing, its middle may not", () => {
    const open = [link("a/1"), link("b/1"), stream(false)];
    const three = [...sent(0, "done"), ...sent(1, "done"), ...sent(2, "done")];
    expect(broken([...open, ...three, got(0), got(1)])).toEqual([]);
    expect(broken([...open, ...three, got(0), got(2)])).toEqual(["lost"]);
  });

  test("what was refused, or whose outcome is unknown, need not come", () => {
    const some = [...sent(0, "done"), ...sent(1, "refused"), ...sent(2, "unknown"), ...sent(3, "done")];
    expect(broken([...begin, ...some, got(0), got(3)])).toEqual([]);
    expect(broken([...begin, ...some, got(0), got(2), got(3)])).toEqual([]);
  });

  test("what was refused must not come: it will be sent again", () => {
    const some = [...sent(0, "done"), ...sent(1, "refused"), ...sent(2, "unknown"), ...sent(3, "done")];
    expect(broken([...begin, ...some, got(0), got(1), got(2), got(3)])).toEqual(["refused"]);
  });

  test("an error that follows the acknowledgement counts, whichever came first", () => {
    const refused = { what: "settled", stream: "s", n: 1, outcome: "refused" } as const;
    const some = [...sent(0, "done"), ...sent(1, "done"), refused, ...sent(2, "done")];
    expect(broken([...begin, ...some, got(0), got(2)])).toEqual([]);
  });

  test("at the seam of two links of the receiver something may be missing, on either side of it nothing", () => {
    const lose: Expectations = { mayLose: ["n1"] };
    const four = [...sent(0, "done"), ...sent(1, "done"), ...sent(2, "done"), ...sent(3, "done")];
    const seam = [...begin, ...four, got(0), link("b/1", "l2")];
    expect(broken([...seam, got(2, "l2"), got(3, "l2")], lose)).toEqual([]);
    expect(broken([...seam, got(1, "l2"), got(3, "l2")], lose)).toEqual(["lost"]);
  });

  test("nothing is missing on a link that was resumed", () => {
    const three = [...sent(0, "done"), ...sent(1, "done"), ...sent(2, "done")];
    expect(broken([...begin, ...three, got(0), resumed("b/1"), got(2)])).toEqual(["lost"]);
    expect(broken([...begin, ...three, got(0), resumed("b/1"), got(1), got(2)])).toEqual([]);
  });

  test("a receiver that never lost its link is never nobody", () => {
    expect(broken([...begin, ...sent(0, "nobody")])).toEqual(["lost"]);
    expect(broken([...begin, ...sent(0, "nobody"), link("b/1", "l2")], { mayLose: ["n1"] })).toEqual([]);
  });
});

describe("sessions", () => {
  const won = (device: string): Event => ({ what: "won", device, session: "x" });
  const confirmed = (peer: string): Event => ({ what: "confirmed", device: "a/1", session: "x", peer });

  test("one winner, and it is the caller's", () => {
    expect(broken([won("b/1"), confirmed("b/1")])).toEqual([]);
    expect(broken([won("b/1")])).toEqual([]);
    expect(broken([won("b/1"), won("b/2")])).toEqual(["winner"]);
    expect(broken([won("b/1"), confirmed("b/2")])).toEqual(["winner"]);
    expect(broken([confirmed("b/1"), confirmed("b/2")])).toEqual(["winner"]);
  });

  test("every part has one end, except that of a device that is gone", () => {
    expect(broken([holds("a/1"), ended("a/1")])).toEqual([]);
    expect(broken([holds("a/1")])).toEqual(["end"]);
    expect(broken([holds("a/1"), { what: "dead", device: "a/1" }])).toEqual([]);
    expect(broken([holds("a/1"), ended("a/1"), ended("a/1")])).toEqual(["end"]);
    expect(broken([holds("a/1"), ended("a/1", "moved"), holds("a/1"), ended("a/1")])).toEqual([]);
    expect(broken([holds("a/1"), ended("a/1", "moved"), holds("a/1")])).toEqual(["end"]);
  });

  test("both ends stand at the same place, with each other, when the end comes", () => {
    const both = (one: Event, other: Event) => [
      holds("a/1"),
      holds("b/1"),
      one,
      other,
      ended("a/1"),
      ended("b/1"),
    ];
    expect(broken(both(stands("a/1", "b/1"), stands("b/1", "a/1")))).toEqual([]);
    expect(broken(both(stands("a/1", "b/1", 2), stands("b/1", "a/1")))).toEqual(["agreement"]);
    expect(broken(both(stands("a/1", "b/2"), stands("b/1", "a/1")))).toEqual(["agreement"]);
  });
});

describe("presence", () => {
  const begin = [link("w/1"), link("b/1"), shown("1")];
  const dies: Event = { what: "dead", device: "b/1" };

  test("a dead device is gone within a minute", () => {
    expect(broken([...begin, dies, 59_000, shown(), 10_000, link("c/1")])).toEqual([]);
    expect(broken([...begin, dies, 61_000, shown()])).toEqual(["ghost"]);
    expect(broken([...begin, dies, 61_000, link("c/1")])).toContain("ghost");
    expect(broken([...begin, dies, 1_000, shown(), 70_000, shown("1")])).toContain("ghost");
  });

  test("in the end everybody sees who is there", () => {
    expect(broken([...begin, link("b/2"), shown("1", "2")])).toEqual([]);
    expect(broken([...begin, link("b/2")])).toEqual(["presence"]);
    expect(broken([...begin, shown()])).toEqual(["presence"]);
    expect(broken([...begin, dies, shown()])).toEqual([]);
  });

  test("what a watcher that has left was told no longer counts", () => {
    expect(broken([...begin, { what: "left", device: "w/1" }, { what: "left", device: "b/1" }])).toEqual([]);
  });
});
