import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { inCall } from "../../test/support/cluster-steps.ts";
import { parseItem } from "./message-schemas.ts";

const hash = (text: string): string => createHash("sha256").update(text).digest("base64url");
/** Every subject of the nodes that the tests have, and of the users and the room in them. */
const subjects = [
  "nodes",
  ...["n1", "n2"].flatMap((node) => ["n", "l", "q"].map((kind) => `${kind}.${node}`)),
  ...["alice", "bob"].flatMap((user) => [`u.${hash(user)}`, `w.${hash(user)}`]),
  ...[`r.${hash("room:hall")}`, `m.${hash("room:hall")}`],
];
const rubbish = [
  ...[null, true, 0, -1, 1e308, "", "x", [], ["x"], {}, { x: 1 }, [[[]]], { t: 1 }, { __proto__: null }],
  ...[{ op: "beat" }, { op: "bye", node: "n1" }, { op: "kick" }, { op: "devices" }, { op: "claim" }],
  ...[{ from: "n1", boot: "x", epoch: 5, n: 1, items: [] }, { from: "n1", items: 1 }, { legs: [null] }],
];
/** What a field of a real message is replaced by. */
const values = [null, 1e308, -1, 0.5, "", [], {}, true, ["x"], { x: 1 }];

/** Each message like this one but for one field, which is missing or has a value of another type. */
function* mutations(message: unknown): Iterable<unknown> {
  const paths: string[][] = [];
  const walk = (value: unknown, path: string[]): void => {
    if (typeof value !== "object" || value === null) return;
    for (const [key, inner] of Object.entries(value)) {
      paths.push([...path, key]);
      walk(inner, [...path, key]);
    }
  };
  walk(message, []);
  for (const path of paths)
    for (const value of [undefined, ...values]) {
      const copy = structuredClone(message) as Record<string, unknown>;
      let at = copy;
      for (const key of path.slice(0, -1)) at = at[key] as Record<string, unknown>;
      const key = path.at(-1) as string;
      if (value === undefined) delete at[key];
      // The same type may well be a message of the right shape.
      else if (typeof value !== typeof at[key] || value === 1e308) at[key] = value;
      yield copy;
    }
}

test("rubbish on every subject of the nodes is dropped and counted, and no signal is lost", () => {
  const { cluster, caller: alice, callee: bob, session } = inCall("n1 alice", "n2 bob");
  alice.ask("join", { room: "room:hall" });
  bob.ask("join", { room: "room:hall" });
  cluster.pass(3_000);
  const mallory = cluster.hub.node("mallory");
  const heard: [subject: string, message: unknown][] = [];
  const stops = subjects.map((subject) =>
    mallory.subscribe(subject, (message) => heard.push([subject, message])),
  );
  for (const end of [alice, bob]) {
    const type = end === alice ? "offer" : "answer";
    end.ask("signal", { session, pair: 1, generation: 1, description: { type, sdp: "v=0" } });
  }
  alice.ask("send", { to: "bob", body: "hello" });
  bob.ask("status", { status: "busy" });
  cluster.pass(5_000);
  for (const stop of stops) stop();
  expect(heard.length).toBeGreaterThan(5);

  const bad = [
    ...subjects.flatMap((subject) => rubbish.map((message) => [subject, message] as const)),
    ...heard.flatMap(([subject, message]) => [...mutations(message)].map((one) => [subject, one] as const)),
  ];
  const sent: string[] = [];
  bad.forEach(([subject, message], n) => {
    mallory.publish(subject, message);
    mallory.request(subject, message, 1_000, () => {});
    if (n % 10 === 0) {
      const candidate = `candidate:${n}`;
      sent.push(candidate);
      const candidates = [{ candidate, sdpMid: "0" }];
      alice.ask("signal", { session, pair: 1, generation: 1, candidates });
    }
    if (n % 20 === 0) cluster.pass(100);
  });
  cluster.pass(5_000);
  const arrived = bob.pushes("signal").flatMap(({ candidates = [] }) => candidates);
  expect(arrived.map(({ candidate }: { candidate: string }) => candidate)).toEqual(sent);
  for (const name of ["n1", "n2"])
    expect(cluster.node(name).core.clusterStats()?.malformed).toBeGreaterThan(rubbish.length);
  bob.ask("hangup", { session });
  cluster.flow();
  expect(alice.last("ended")).toMatchObject({ session, reason: "hangup" });
});

test("an item that nobody can read costs none of those beside it", () => {
  const item = { t: "lastWord", session: "s" } as const;
  expect(parseItem(JSON.stringify(item))).toEqual(item);
  const forwarded = { t: "forward", from: "n3", item } as const;
  expect(parseItem(JSON.stringify(forwarded))).toEqual(forwarded);
  for (const text of ["", "{", "null", "1", "[]", '{"t":"x"}', '{"t":"lastWord"}', '{"t":"__proto__"}'])
    expect(parseItem(text)).toBeUndefined();
  for (const inner of [{ t: "lastWord" }, { t: "forward" }, null])
    expect(parseItem(JSON.stringify({ t: "forward", from: "n3", item: inner }))).toBeUndefined();
});
