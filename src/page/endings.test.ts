import { describe, expect, test } from "bun:test";
import { type Ended, SwitchboardError } from "../client/index.ts";
import { deviceKind, deviceName, labelDevices } from "./device-name.ts";
import { nameProblem, outcomeOf, signInProblem } from "./endings.ts";

const bob = { user: "bob" };
const outcome = (ended: Ended, lasted?: string) => outcomeOf(ended, "bob", "alice", lasted);

describe("how a call's end is shown", () => {
  test("hanging up oneself is no news; the other's hanging up is a remark", () => {
    expect(outcome({ reason: "hangup", by: { user: "alice" } })).toBeUndefined();
    expect(outcome({ reason: "cancelled" })).toBeUndefined();
    expect(outcome({ reason: "hangup", by: bob }, "2:04")).toEqual({ note: "bob hung up after 2:04." });
    expect(outcome({ reason: "closed", by: bob })).toEqual({ note: "bob left." });
  });

  test.each([
    ["declined", "declined"],
    ["declined_elsewhere", "declined"],
    ["busy", "busy"],
    ["no_answer", "unanswered"],
    ["unreachable", "offline"],
    ["failed", "no-path"],
    ["lost", "lost"],
    ["moved", "moved"],
  ] as const)("%s is a scene of its own", (reason, kind) => {
    expect(outcome({ reason, by: bob })).toMatchObject({ scene: { kind } });
  });

  test("a call that the server refused says why", () => {
    const error = new SwitchboardError("forbidden", "no grant");
    expect(outcome({ reason: "refused", error })).toEqual({
      scene: { kind: "refused", text: "This server does not allow you to call bob." },
    });
    expect(outcome({ reason: "refused", error: new SwitchboardError("internal", "a fault") })).toEqual({
      scene: { kind: "refused", text: "a fault" },
    });
  });
});

describe("who may sign in", () => {
  test("names follow the protocol's rule for ids", () => {
    for (const name of ["alice", "Zoë", "小明", "a.b-c_d", "x".repeat(128)])
      expect(nameProblem(name)).toBeUndefined();
    for (const name of ["", "al ice", "a/b", "room:x", "a*", "a\u200b", "x".repeat(129)])
      expect(nameProblem(name)).toEqual({ kind: "name" });
  });

  test("a good name that is refused means that the server wants a token", () => {
    const ended: Ended = { reason: "closed", error: new SwitchboardError("unauthorized") };
    expect(signInProblem(ended, "name")).toEqual({ kind: "wants-token" });
    expect(signInProblem(ended, "token")).toEqual({ kind: "token" });
    const replaced: Ended = { reason: "closed", error: new SwitchboardError("replaced") };
    expect(signInProblem(replaced, "name")).toBeUndefined();
    const kicked: Ended = { reason: "closed", error: new SwitchboardError("kicked", "for today") };
    expect(signInProblem(kicked, "name")).toEqual({ kind: "ended", text: "for today" });
  });
});

describe("what devices are called", () => {
  test.each([
    [
      "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/156.0 Safari/537.36",
      "Chrome on Linux",
      "browser",
    ],
    [
      "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0) AppleWebKit/605 Version/19 Mobile/15E148 Safari/604",
      "Safari on iPhone",
      "phone",
    ],
    [
      "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/156 Safari/537.36 Edg/156",
      "Edge on Windows",
      "browser",
    ],
    ["Mozilla/5.0 (Android 16; Mobile; rv:150.0) Gecko/150.0 Firefox/150.0", "Firefox on Android", "phone"],
    ["something else", "Browser", "browser"],
  ])("%s", (agent, name, kind) => {
    expect([deviceName(agent), deviceKind(agent)]).toEqual([name, kind]);
  });

  test("two of one name are numbered in their order", () => {
    const devices = [
      { device: "1", name: "Chrome" },
      { device: "2", kind: "phone" },
      { device: "3", name: "Chrome" },
    ];
    expect(labelDevices(devices).map(({ label }) => label)).toEqual(["Chrome", "phone", "Chrome (2)"]);
  });
});
