import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type Deadline, Deadlines } from "./deadlines.ts";

describe("Deadlines", () => {
  test("runs what is due, in order of time, then of adding", () => {
    const deadlines = new Deadlines();
    const ran: string[] = [];
    deadlines.add(30, () => ran.push("c"));
    deadlines.add(10, () => ran.push("a1"));
    deadlines.add(10, () => ran.push("a2"));
    deadlines.add(20, () => ran.push("b"));
    expect(deadlines.next).toBe(10);
    deadlines.run(9);
    expect(ran).toEqual([]);
    deadlines.run(20);
    expect(ran).toEqual(["a1", "a2", "b"]);
    expect(deadlines.next).toBe(30);
    expect(deadlines.size).toBe(1);
  });

  test("tells the time of the run, not of the deadline", () => {
    const deadlines = new Deadlines();
    let told = 0;
    deadlines.add(5, (now) => {
      told = now;
    });
    deadlines.run(1_000);
    expect(told).toBe(1_000);
  });

  test("what a deadline adds and cancels while it runs counts in the same run", () => {
    const deadlines = new Deadlines();
    const ran: string[] = [];
    const doomed = deadlines.add(2, () => ran.push("doomed"));
    deadlines.add(1, () => {
      doomed.cancel();
      deadlines.add(1, () => ran.push("added"));
      deadlines.add(50, () => ran.push("later"));
    });
    deadlines.run(10);
    expect(ran).toEqual(["added"]);
    expect(deadlines.next).toBe(50);
  });

  test("one that adds itself again and again does not hold the process", () => {
    const deadlines = new Deadlines();
    let runs = 0;
    const again = (now: number): void => {
      runs++;
      deadlines.add(now, again);
    };
    deadlines.add(0, again);
    deadlines.run(0);
    expect(runs).toBeGreaterThan(1_000);
    expect(deadlines.size).toBe(1);
  });

  test("one that throws is spent and loses nothing else", () => {
    const deadlines = new Deadlines();
    let ran = false;
    deadlines.add(1, () => {
      throw new Error("a bug");
    });
    deadlines.add(2, () => {
      ran = true;
    });
    expect(() => deadlines.run(5)).toThrow("a bug");
    deadlines.run(5);
    expect(ran).toBe(true);
    expect(deadlines.size).toBe(0);
  });

  test("behaves like a sorted list under any adding, cancelling and running", () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant("add" as const), at: fc.integer({ min: 0, max: 50 }) }),
      fc.record({ do: fc.constant("cancel" as const), which: fc.nat(200) }),
      fc.record({ do: fc.constant("run" as const), by: fc.integer({ min: 0, max: 10 }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200, size: "max" }), (steps) => {
        const deadlines = new Deadlines();
        const handles: Deadline[] = [];
        let model: { at: number; name: number }[] = [];
        const ran: number[] = [];
        let now = 0;
        for (const [name, one] of steps.entries()) {
          if (one.do === "add") {
            handles[name] = deadlines.add(one.at, () => ran.push(name));
            model.push({ at: one.at, name });
          } else if (one.do === "cancel") {
            handles[one.which]?.cancel();
            model = model.filter((m) => m.name !== one.which);
          } else {
            now += one.by;
            ran.length = 0;
            deadlines.run(now);
            const due = model.filter((m) => m.at <= now).sort((a, b) => a.at - b.at || a.name - b.name);
            expect(ran).toEqual(due.map((m) => m.name));
            model = model.filter((m) => m.at > now);
          }
          expect(deadlines.size).toBe(model.length);
          expect(deadlines.next).toBe(model.length === 0 ? undefined : Math.min(...model.map((m) => m.at)));
        }
      }),
    );
  });
});
