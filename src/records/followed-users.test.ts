import { expect, test } from "bun:test";
import type { Device } from "../signaling/device.ts";
import { FollowedUsers } from "./followed-users.ts";

const at = (user: string, node?: string) => ({ user, id: "phone", node }) as unknown as Device;
const call = { type: "call", id: 3, to: "bob", key: "k", data: { token: "hunter2" } } as never;

function followed() {
  let runs = 0;
  const users = new FollowedUsers(() => `run${++runs}`);
  const begin = users.read("alice", undefined, 0, 0);
  return { users, run: begin?.run };
}

test("frames of a user who is followed are kept from then on; others leave nothing", () => {
  const { users, run } = followed();
  users.request(at("alice"), call, 10);
  users.request(at("bob"), call, 10);
  users.outcome(at("alice"), call, { error: { code: "forbidden", message: "hunter2" } } as never, 11);
  users.push(at("alice"), { type: "ended", session: "s_1", reason: "hangup" } as never, 12);
  users.heard({ type: "link_closed", user: "alice", device: "phone", reason: "client" }, 13);
  const page = users.read("alice", run, 0, 20);
  expect(page?.frames).toEqual([
    { n: 1, at: 10, device: "phone", isIncoming: true, id: 3, type: "call", note: "bob", bytes: 19 },
    { n: 2, at: 11, device: "phone", isIncoming: false, id: 3, type: "reply", outcome: "forbidden" },
    { n: 3, at: 12, device: "phone", isIncoming: false, type: "ended", session: "s_1", note: "hangup" },
    { n: 4, at: 13, device: "phone", isIncoming: true, type: "link", note: "closed, client" },
  ]);
  expect(JSON.stringify(page)).not.toContain("hunter2");
  expect(users.read("alice", run, 3, 20)?.frames).toHaveLength(1);
  // Nobody had followed bob.
  expect(users.read("bob", "run1", 0, 20)).toMatchObject({ gap: true, frames: [] });
});

test("the node of a device's link tells of it, not the owner of its session", () => {
  const { users, run } = followed();
  users.request(at("alice", "n2"), call, 10);
  expect(users.read("alice", run, 0, 20)?.frames).toEqual([]);
});

test("a user whom nobody has read for 5 s is followed no longer, and who comes back is told of a gap", () => {
  const { users, run } = followed();
  users.request(at("alice"), call, 5_001);
  const page = users.read("alice", run, 0, 5_002);
  expect(page).toMatchObject({ gap: true, frames: [] });
  expect(page?.run).not.toBe(run);
});

test("logs are bounded, and so is how many users are followed", () => {
  const { users, run } = followed();
  for (let n = 0; n < 700; n++) users.request(at("alice"), call, 10);
  const page = users.read("alice", run, 0, 20);
  expect(page?.gap).toBe(true);
  expect(page?.frames).toHaveLength(500);
  for (let n = 1; n < 64; n++) expect(users.read(`user${n}`, undefined, 0, 20)).toBeDefined();
  expect(users.read("one-more", undefined, 0, 20)).toBeUndefined();
  expect(users.read("one-more", undefined, 0, 20_000)).toBeDefined();
});
