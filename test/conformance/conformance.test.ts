import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { findRuntime } from "../support/runtimes.ts";
import { startServer } from "../support/server.ts";
import { allChecks, notObservable } from "./checks/all.ts";
import { type Outcome, runChecks } from "./run-checks.ts";
import { tokenSource } from "./token-source.ts";

/** Small enough that every rule that speaks of time can be waited for. */
const limits = {
  helloTimeout: 700,
  requestsInFlight: 8,
  deliveriesPerSecond: 2,
  deliveriesBurst: 100,
  connectsPerSecond: 1_000,
  connectsBurst: 5_000,
  roomList: 6,
  resumeWindow: 2_500,
  silence: 3_500,
  pingAfter: 800,
  offlineAfter: 1_200,
  unreachableAfter: 700,
  confirmTimeout: 1_500,
  detachedTimeout: 1_500,
  moveTimeout: 2_000,
};
const secret = "conformance-secret-of-at-least-32-characters";

/** Each failure and each skip on a line, so that the assertion's message tells what is wrong. */
const complaints = (outcomes: readonly Outcome[], may: (one: Outcome) => boolean) =>
  outcomes
    .filter((one) => one.outcome !== "passed" && !may(one))
    .map(({ rule, title, outcome, reason }) => `${outcome} ${rule}: ${title}: ${reason}`);

describe("every rule of docs/protocol.md holds", () => {
  for (const runtime of ["bun", "node"] as const) {
    const missing = findRuntime(runtime) === undefined;
    test.skipIf(missing)(
      `on ${runtime}`,
      async () => {
        // One of them without a media server: it says so.
        const media = { enabled: runtime === "bun", port: 0 };
        const config = { dev: false, tokens: { secret }, allowedOrigins: ["self"], limits, media };
        const server = await startServer({ runtime, config });
        const outcomes = await runChecks({
          url: `${server.url.replace("http", "ws")}/ws`,
          tokens: tokenSource(`secret:${secret}?iss=switchboard&aud=switchboard`),
          dev: false,
          limits,
          longest: 20_000,
          parallel: 8,
        });
        await server.stop();
        expect(complaints(outcomes, ({ rule, outcome }) => rule === "T2" && outcome === "skipped")).toEqual(
          [],
        );
      },
      90_000,
    );
  }

  test("in development mode", async () => {
    const server = await startServer({ config: { limits } });
    const outcomes = await runChecks({
      url: `${server.url.replace("http", "ws")}/ws`,
      tokens: tokenSource("dev"),
      dev: true,
      limits,
      longest: 500,
      parallel: 8,
    });
    await server.stop();
    expect(outcomes.find(({ rule }) => rule === "T2")?.outcome).toBe("passed");
    expect(complaints(outcomes, ({ outcome }) => outcome === "skipped")).toEqual([]);
  }, 60_000);
});

describe("the suite and the document", () => {
  const text = readFileSync(new URL("../../docs/protocol.md", import.meta.url), "utf8");
  const rules = new Set([...text.matchAll(/\*\*([A-Z]\d+)\*\*/g)].map(([, id]) => id ?? ""));

  test("every rule is checked, or says why it can't be", () => {
    const checked = new Set(allChecks.map(({ rule }) => rule));
    expect([...rules].filter((rule) => !checked.has(rule) && notObservable[rule] === undefined)).toEqual([]);
    expect(Object.keys(notObservable).filter((rule) => checked.has(rule))).toEqual([]);
  });

  test("every check cites a rule that is there", () => {
    for (const { rule } of allChecks) expect(rules.has(rule)).toBe(true);
    for (const rule of Object.keys(notObservable)) expect(rules.has(rule)).toBe(true);
  });
});
