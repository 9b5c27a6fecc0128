import { expect, test } from "bun:test";
import type { Presence } from "./api.ts";
import { Watches } from "./watches.ts";

function setup() {
  const said: string[] = [];
  const told: Presence[] = [];
  const say = async (type: string, { users }: { users?: string[] }) => {
    said.push(`${type} ${users?.join(" ")}`);
  };
  const watches = new Watches({ say } as ConstructorParameters<typeof Watches>[0], (presence) =>
    told.push(presence),
  );
  return { watches, told, said: () => said.splice(0) };
}

const online = (user: string) => ({ seq: 1, type: "presence" as const, user, online: true, devices: [] });

test("each user is asked for once, and let go with the last who watches", () => {
  const { watches, said } = setup();
  const one = watches.watch(["alice", "bob", "bob"], undefined);
  const two = watches.watch(["bob", "carol"], undefined);
  expect(said()).toEqual(["watch alice bob", "watch carol"]);
  one();
  one();
  expect(said()).toEqual(["unwatch alice"]);
  watches.again();
  expect(said()).toEqual(["watch bob carol"]);
  two();
  expect(said()).toEqual(["unwatch bob carol"]);
  watches.again();
  expect(said()).toEqual([]);
});

test("what comes for nobody is not kept; what is known goes with the last who watches", () => {
  const { watches, told } = setup();
  const off = watches.watch(["alice"], undefined);
  watches.told({ ...online("alice"), devices: [{ device: "phone", kind: "phone" }] });
  watches.told(online("bob"));
  expect(told).toEqual([
    { user: "alice", online: true, devices: [{ user: "alice", device: "phone", kind: "phone" }] },
  ]);
  expect(watches.presence.get("alice")).toBe(told[0] as Presence);
  off();
  expect(watches.presence.size).toBe(0);
});

test("a signal ends it, also one that had aborted", async () => {
  const { watches, said } = setup();
  const abort = new AbortController();
  watches.watch(["alice"], abort.signal);
  abort.abort();
  watches.watch(["bob"], abort.signal);
  await Promise.resolve();
  expect(said().sort()).toEqual(["unwatch alice", "unwatch bob", "watch alice", "watch bob"]);
});
