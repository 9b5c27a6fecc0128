import { describe, expect, test } from "bun:test";
import { type Model, next, type PageEvent, type Ring, start } from "./state.ts";
import { announce, clock, describeEnding, describeProblem, describeTrouble, titleOf } from "./words.ts";

const ring: Ring = { from: "bob", device: "Chrome on Linux", video: true, answering: false };
const after = (...happenings: PageEvent[]): Model => happenings.reduce(next, start);
const calling: PageEvent = { type: "went", scene: { at: "calling", peer: "bob", ringing: [] } };
const answered: PageEvent = { type: "answered", peer: "bob", device: "Chrome on Linux" };

describe("the page's state", () => {
  test("online leads from going online to the directory, and nowhere else", () => {
    expect(after({ type: "went", scene: { at: "going-online" } }, { type: "online" }).scene.at).toBe(
      "directory",
    );
    expect(after(calling, { type: "online" }).scene.at).toBe("calling");
  });

  test("losing the server is beside the scene, not instead of it", () => {
    const away = after(calling, answered, { type: "away", again: 7 });
    expect(away).toMatchObject({ scene: { at: "talking" }, link: { up: false, again: 7 } });
    expect(next(away, { type: "away", again: 7 })).toBe(away);
    expect(next(away, { type: "online" })).toMatchObject({ scene: { at: "talking" }, link: { up: true } });
  });

  test("devices alert only while a call rings", () => {
    expect(after(calling, { type: "alerting", devices: ["phone"] }).scene).toMatchObject({
      ringing: ["phone"],
    });
    expect(after({ type: "alerting", devices: ["phone"] })).toEqual(start);
  });

  test("the clock starts with the first media and goes on over a loss", () => {
    const talking = after(calling, answered, { type: "flowing", now: 10 });
    const lost = next(talking, { type: "stalled", loss: { at: 20, whose: "theirs" } });
    const longer = next(lost, { type: "stalled", loss: { at: 25, whose: "yours" } });
    expect(longer.scene).toMatchObject({ since: 10, lost: { at: 20, whose: "yours" } });
    const back = next(longer, { type: "flowing", now: 30 });
    expect(back.scene).toEqual({ at: "talking", peer: "bob", device: "Chrome on Linux", since: 10 });
  });

  test("media that never flowed can't be lost", () => {
    const connecting = after(calling, answered);
    expect(next(connecting, { type: "stalled", loss: { at: 1, whose: "unknown" } })).toBe(connecting);
  });

  test("a ring lies over any scene and leaves it as it was", () => {
    const rung = after(calling, answered, { type: "rang", ring });
    expect(rung).toMatchObject({ scene: { at: "talking" }, ring });
    expect(next(rung, { type: "answering", on: true }).ring?.answering).toBe(true);
    expect(next(rung, { type: "ring-over" })).toEqual(after(calling, answered));
    expect(after({ type: "answering", on: true })).toEqual(start);
  });
});

describe("its words", () => {
  test("each state is announced in one phrase that holds no clock", () => {
    expect(announce(after(calling))).toBe("Calling bob");
    expect(announce(after(calling, { type: "alerting", devices: ["a", "b"] }))).toBe("Ringing bob: a, b");
    const talking = after(calling, answered, { type: "flowing", now: 10 });
    expect(announce(talking)).toBe("Connected with bob");
    expect(announce(next(talking, { type: "away", again: 99 }))).toBe(
      announce(next(talking, { type: "away", again: 1 })),
    );
  });

  test("a ring is the dialog's to announce, and the title's to show", () => {
    const rung = after(calling, { type: "rang", ring });
    expect(announce(rung)).toBe("");
    expect(titleOf(rung)).toBe("☎ bob");
  });

  test("every failure says what to do", () => {
    for (const kind of ["name", "token", "wants-token", "origin", "ended"] as const)
      expect(describeProblem({ kind })).toMatch(/Use|Ask|Paste|open|again/);
    for (const trouble of ["refused", "busy", "none", "insecure"] as const)
      expect(describeTrouble(trouble).how).toMatch(/try again|Plug|Open/);
    expect(describeEnding({ kind: "no-path" }, "bob").advice).toMatch(/helps/);
    expect(describeEnding({ kind: "moved" }, "bob", "laptop").title).toBe("Moved to your laptop");
  });

  test("a clock has hours only when there are some", () => {
    expect([clock(0), clock(64_000), clock(3_724_000), clock(-5)]).toEqual([
      "0:00",
      "1:04",
      "1:02:04",
      "0:00",
    ]);
  });
});
