import { expect, test } from "bun:test";
import { type AnyFrame, SimCore } from "../../test/support/sim-core.ts";
import { wireError } from "../protocol/error-codes.ts";
import { Core } from "./core.ts";
import {
  type AskedRequest,
  askedRequests,
  type Permission,
  type Policy,
  type PolicyDecision,
  type PolicyQuestion,
  type WakeQuestion,
} from "./policy.ts";

interface Asked {
  readonly question: PolicyQuestion;
  answer(decision: PolicyDecision): void;
}

const yes: PolicyDecision = { allow: true };
const no: PolicyDecision = { allow: false, error: wireError("forbidden", "not at night") };

/** A core with a policy that answers when the test says so, or at once. */
function world(
  {
    atOnce,
    asks = askedRequests,
    wake,
  }: {
    atOnce?: (question: PolicyQuestion) => PolicyDecision | undefined;
    asks?: readonly AskedRequest[];
    wake?: (question: WakeQuestion, done: (waits: boolean) => void) => void;
  } = {},
  limits: object = {},
) {
  const asked: Asked[] = [];
  const policy: Policy = {
    within: 1_000,
    asks: new Set(asks),
    decide: (question, done) => {
      const decision = atOnce?.(question);
      if (decision !== undefined) done(decision, sim.now);
      else asked.push({ question, answer: (late) => done(late, sim.now) });
    },
    ...(wake && { wake: (question, done) => wake(question, (waits) => done(waits, sim.now)) }),
  };
  const sim: SimCore = new SimCore(limits, [], {
    make: (options, now) => new Core({ ...options, ports: { ...options.ports, policy } }, now),
  });
  return { sim, asked };
}

function people(made: ReturnType<typeof world>) {
  const alice = made.sim.client("alice", "laptop").connect();
  const bob = made.sim.client("bob", "phone").connect();
  return { ...made, alice, bob };
}

const decided = (sim: SimCore) =>
  sim.events.flatMap((event) => (event.type === "decided" ? [[event.request, event.outcome]] : []));

test("a call rings once it is allowed, and its record of the decision names the session", () => {
  const { sim, asked, alice, bob } = people(world());
  expect(alice.ask("call", { to: "bob", media: { audio: true }, data: { topic: 1 } })).toBeUndefined();
  expect(asked[0]?.question).toEqual({
    ...{ request: "call", user: "alice", device: "laptop", kind: "browser", guest: false },
    ...{ to: "bob", media: { audio: true }, data: { topic: 1 } },
  });
  expect(bob.last("incoming")).toBeUndefined();
  sim.pass(40);
  asked[0]?.answer(yes);
  const { session } = alice.replyTo(1).ok;
  expect(bob.last("incoming")).toMatchObject({ session, data: { topic: 1 } });
  expect(sim.events.find(({ type }) => type === "decided")).toMatchObject({ session, after: 40 });
});

test("a refusal gives its reason; nobody is asked about what no grant covers", () => {
  const { asked, alice, bob } = people(world({ atOnce: () => no }));
  expect(alice.ask("call", { to: "bob" }).error).toMatchObject({
    code: "forbidden",
    message: "not at night",
  });
  expect(bob.last("incoming")).toBeUndefined();
  const made = world();
  const guest = made.sim.client("guest", "tab", { token: 'guest?{"call":["carol"]}' }).connect();
  for (const [type, fields] of [
    ["call", { to: "bob" }],
    ["send", { to: "bob", body: 1 }],
    ["join", { room: "room:a" }],
    ["watch", { users: ["bob"] }],
  ] as const)
    expect([type, guest.ask(type, fields).error.code]).toEqual([type, "forbidden"]);
  expect([...asked, ...made.asked]).toEqual([]);
});

test("requests of a device take effect in order, whoever is decided first; other devices don't wait", () => {
  const { sim, asked, alice, bob } = people(world());
  const tablet = sim.client("alice", "tablet").connect();
  alice.ask("send", { to: "bob", body: 1 });
  alice.ask("send", { to: "bob", body: 2 });
  alice.ask("status", { status: "away" });
  tablet.ask("send", { to: "bob", body: 3 });
  const bodies = () => bob.pushes("message").map(({ body }: AnyFrame) => body);
  asked[1]?.answer(yes);
  expect([bodies(), alice.replyTo(3)]).toEqual([[], undefined]);
  asked[2]?.answer(yes);
  expect(bodies()).toEqual([3]);
  asked[0]?.answer(yes);
  expect(bodies()).toEqual([3, 1, 2]);
  expect(alice.heard.filter(({ re }: AnyFrame) => re !== undefined).map(({ re }: AnyFrame) => re)).toEqual([
    1, 2, 3,
  ]);
});

test("a session that exists already waits for no decision", () => {
  const { asked, alice, bob } = people(
    world({ atOnce: ({ request }) => (request === "call" ? yes : undefined) }),
  );
  const { session } = alice.ask("call", { to: "bob" }).ok;
  alice.ask("send", { to: "bob", body: 1 });
  bob.ask("send", { to: "alice", body: 1 });
  expect(asked).toHaveLength(2);
  expect(bob.ask("ringing", { session }).ok).toEqual({});
  bob.ask("accept", { session });
  expect(alice.ask("confirm", { session, device: "phone" }).ok).toBeDefined();
  expect(alice.ask("hangup", { session }).ok).toEqual({});
});

test("without an answer in time the request fails as temporary, and a late answer changes nothing", () => {
  const { sim, asked, alice, bob } = people(world());
  alice.ask("call", { to: "bob" });
  sim.pass(999);
  expect(alice.replyTo(1)).toBeUndefined();
  sim.pass(1);
  expect(alice.replyTo(1).error).toMatchObject({ code: "temporary", temporary: true });
  asked[0]?.answer(yes);
  expect(bob.last("incoming")).toBeUndefined();
  expect(decided(sim)).toEqual([["call", "late"]]);
});

test("requests that wait count as in flight, and no more are asked about than that", () => {
  const { asked, alice } = people(world({}, { requestsInFlight: 3 }));
  for (let n = 0; n < 3; n++) alice.ask("send", { to: "bob", body: n });
  expect(alice.ask("send", { to: "bob", body: 4 }).error.limit).toBe("requestsInFlight");
  expect(asked).toHaveLength(3);
});

test("grants and limits are checked again after the answer", () => {
  const { sim, asked, alice, bob } = people(world());
  alice.ask("call", { to: "bob" });
  const device = (sim.core as Core).directory.device("alice", "laptop");
  if (device !== undefined) device.grants = {};
  asked[0]?.answer(yes);
  expect(alice.replyTo(1).error.code).toBe("forbidden");
  expect(bob.last("incoming")).toBeUndefined();

  const full = people(world({}, { sessionsPerDevice: 1 }));
  full.alice.ask("call", { to: "bob" });
  full.alice.ask("call", { to: "bob" });
  for (const { answer } of full.asked) answer(yes);
  expect(full.alice.replyTo(1).ok).toBeDefined();
  expect(full.alice.replyTo(2).error.limit).toBe("sessionsPerDevice");
});

test("a link that is lost meanwhile hears the reply when it resumes", () => {
  const { asked, alice, bob } = people(world());
  alice.ask("call", { to: "bob" });
  alice.drop();
  asked[0]?.answer(yes);
  expect(bob.last("incoming")).toBeDefined();
  alice.resume();
  expect(alice.replyTo(1).ok.session).toBe(bob.last("incoming").session);
});

test("what a device has asked that is kicked or replaced meanwhile is not done", () => {
  for (const gone of ["kicked", "replaced"] as const) {
    const { sim, asked, alice, bob } = people(world());
    alice.ask("call", { to: "bob" });
    alice.ask("send", { to: "bob", body: 1 });
    if (gone === "kicked") sim.core.kick("alice", undefined, sim.now);
    else sim.client("alice", "laptop").connect();
    for (const { answer } of asked) answer(yes);
    expect([gone, bob.pushes("incoming"), bob.pushes("message")]).toEqual([gone, [], []]);
  }
});

test("a call that is repeated by its key is decided once", () => {
  const { asked, alice } = people(world());
  alice.ask("call", { to: "bob", key: "k" });
  alice.ask("call", { to: "bob", key: "k" });
  for (const { answer } of asked) answer(yes);
  expect(alice.replyTo(2).ok.session).toBe(alice.replyTo(1).ok.session);
  const again = alice.ask("call", { to: "bob", key: "k" });
  expect(again.ok.session).toBe(alice.replyTo(1).ok.session);
  expect(asked).toHaveLength(2);
});

test("a call may ring somebody else, with more data; the caller keeps the session that it has", () => {
  const permission: Permission = { allow: true, to: "carol/desk", data: { account: 7 } };
  const { sim, alice, bob } = people(world({ atOnce: () => permission }));
  const carol = sim.client("carol", "desk").connect();
  const other = sim.client("carol", "phone").connect();
  const { session } = alice.ask("call", { to: "bob" }).ok;
  expect(carol.last("incoming")).toMatchObject({ session, to: "bob", data: { account: 7 } });
  expect([bob.pushes("incoming"), other.pushes("incoming")]).toEqual([[], []]);
});

test("a member's data in a room may be another", () => {
  const { alice, bob } = people(world({ atOnce: () => ({ allow: true, data: { role: "doctor" } }) }));
  alice.ask("join", { room: "room:a", data: { role: "patient" } });
  bob.ask("join", { room: "room:a" });
  expect(JSON.stringify(bob.heard)).toContain('{"role":"doctor"}');
});

const plan = (permission: Pick<Permission, "plan">) =>
  world({ atOnce: ({ request }) => (request === "call" ? { allow: true, ...permission } : yes) });

test("a plan rings its steps in turn, as one call", () => {
  const steps = [
    { targets: [{ user: "bob" }], ms: 15_000, group: "all" },
    { targets: [{ user: "carol" }, { user: "dave" }], ms: 20_000, group: "all" },
  ] as const;
  const { sim, alice, bob } = people(plan({ plan: steps }));
  const carol = sim.client("carol", "desk").connect();
  const dave = sim.client("dave", "desk").connect();
  const { session } = alice.ask("call", { to: "support" }).ok;
  expect(bob.last("incoming")).toMatchObject({ session, to: "support", expires: 35_000 });
  sim.pass(14_999);
  expect(carol.last("incoming")).toBeUndefined();
  sim.pass(1);
  expect(bob.last("ended")).toMatchObject({ session, reason: "no_answer" });
  expect(alice.last("ended")).toBeUndefined();
  expect(bob.ask("accept", { session }).error.code).toBe("no_session");
  for (const device of [carol, dave]) expect(device.last("incoming")).toMatchObject({ session, age: 15_000 });
  dave.ask("accept", { session });
  expect(alice.last("accepted")).toMatchObject({ session, device: "desk", peer: { user: "dave" } });
  alice.ask("confirm", { session, device: "desk" });
  expect(carol.last("ended")).toMatchObject({ session, reason: "answered_elsewhere" });
  expect(dave.last("ended")).toBeUndefined();
  sim.pass(60_000);
  expect(sim.core.stats()).toMatchObject({ sessionsRinging: 0, sessionsActive: 1 });
  alice.ask("hangup", { session });
  expect(sim.core.stats()).toMatchObject({ sessionsRinging: 0, sessionsActive: 0 });
  expect(sim.events.filter(({ type }) => type === "session_ended")).toHaveLength(1);
});

test("a turn that everybody declines, or in which nobody is there, is left early; the last one's outcome is the call's", () => {
  const steps = [
    { targets: [{ user: "nobody" }], ms: 30_000, group: "all" },
    { targets: [{ user: "bob" }], ms: 15_000, group: "all" },
    { targets: [{ user: "carol" }], ms: 15_000, group: "all" },
  ] as const;
  const { sim, alice, bob } = people(plan({ plan: steps }));
  const carol = sim.client("carol", "desk").connect();
  const { session } = alice.ask("call", { to: "support" }).ok;
  sim.pass(5_000);
  expect(bob.last("incoming")).toMatchObject({ session });
  bob.ask("decline", { session, everywhere: true });
  expect(carol.last("incoming")).toMatchObject({ session });
  expect(alice.last("ended")).toBeUndefined();
  sim.pass(15_000);
  expect(alice.last("ended")).toMatchObject({ session, reason: "no_answer" });
  expect(sim.core.stats()).toMatchObject({ sessionsRinging: 0, sessionsActive: 0 });
});

test("a group rings in turn, or the least busy first", () => {
  const targets = [{ user: "bob" }, { user: "carol" }, { user: "dave" }];
  for (const group of ["in_turn", "least_busy"] as const) {
    const { sim, alice, bob } = people(plan({ plan: [{ targets, ms: 5_000, group }] }));
    const carol = sim.client("carol", "desk").connect();
    const dave = sim.client("dave", "desk").connect();
    // Bob is in a call of his own.
    const visitor = sim.client("visitor", "tab").connect();
    const first = visitor.ask("call", { to: "support" }).ok.session;
    bob.ask("accept", { session: first });
    visitor.ask("confirm", { session: first, device: "phone" });
    const { session } = alice.ask("call", { to: "support" }).ok;
    const rung = () =>
      [bob, carol, dave].filter((one) =>
        one.pushes("incoming").some((push: AnyFrame) => push.session === session),
      );
    expect([group, rung()[0]?.user, rung().length]).toEqual([
      group,
      group === "in_turn" ? "bob" : "carol",
      1,
    ]);
    sim.pass(5_000);
    expect([group, rung().length]).toEqual([group, 2]);
    expect(group === "least_busy" && rung().includes(bob)).toBeFalse();
    sim.pass(5_000);
    expect([group, rung().length]).toEqual([group, 3]);
  }
});

test("without the watch grant a plan tells the caller nothing of who is there", () => {
  const steps = [{ targets: [{ user: "nobody" }], ms: 8_000, group: "all" }] as const;
  const made = plan({ plan: steps });
  const guest = made.sim.client("guest", "tab", { token: 'guest?{"call":["support"]}' }).connect();
  guest.ask("call", { to: "support" });
  made.sim.pass(7_999);
  expect(guest.last("ended")).toBeUndefined();
  made.sim.pass(1);
  expect(guest.last("ended").reason).toBe("no_answer");
});

test("a user who comes while her turn is on is rung, and one whose turn is over is not", () => {
  const steps = [
    { targets: [{ user: "carol" }], ms: 4_000, group: "all" },
    { targets: [{ user: "bob" }], ms: 15_000, group: "all" },
  ] as const;
  const { sim, alice } = people(plan({ plan: steps }));
  alice.ask("call", { to: "support" });
  const carol = sim.client("carol", "desk").connect();
  expect(carol.last("incoming")).toBeDefined();
  sim.pass(4_000);
  const late = sim.client("carol", "phone").connect();
  expect(late.last("incoming")).toBeUndefined();
});

test("where nobody is online somebody is asked to wake a device, and the ring waits for it", () => {
  const woken: WakeQuestion[] = [];
  const answers: boolean[] = [];
  const made = world({
    asks: [],
    wake: (question, done) => {
      woken.push(question);
      done(answers.shift() === true);
    },
  });
  const alice = made.sim.client("alice", "laptop").connect();
  answers.push(false);
  alice.ask("call", { to: "carol" });
  made.sim.pass(5_000);
  expect(alice.last("ended").reason).toBe("unreachable");
  answers.push(true);
  const { session } = alice.ask("call", { to: "carol" }).ok;
  expect(woken[1]).toMatchObject({
    ...{ session, user: "carol", device: undefined, from: { user: "alice", device: "laptop" } },
    expires: 55_000,
  });
  made.sim.pass(30_000);
  expect(alice.pushes("ended")).toHaveLength(1);
  const carol = made.sim.client("carol", "phone").connect();
  expect(carol.last("incoming")).toMatchObject({ session, age: 30_000 });
  // Somebody who is there is not woken.
  alice.ask("call", { to: "carol" });
  expect(woken).toHaveLength(2);
});
