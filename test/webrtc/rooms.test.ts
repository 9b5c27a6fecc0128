import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { connect, type Member, type Room } from "../../src/client/index.ts";
import { type RunningServer, startServer } from "../support/server.ts";
import { camera, closeAll, device, frames, until } from "./support/parties.ts";
import { startProxy } from "./support/proxy.ts";
import { strict, token } from "./support/tokens.ts";

let server: RunningServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());
afterEach(closeAll);

test("three meet in a mesh: each sees the others; one leaves, and is gone for all", async () => {
  const media = await camera();
  const names = ["alice", "bob", "carol"];
  const clients = names.map((name) => device(server.url, name, `${name}-laptop`));
  const rooms = clients.map((client) => client.join("standup", { media, data: { role: "guest" } }));
  await Promise.all(rooms.map((room) => room.ready));
  await until(() => rooms.every(({ members }) => members.size === 2), "all to know all");
  for (const room of rooms)
    await Promise.all([...room.members.values()].map(({ remote }) => frames(remote, 2)));
  for (const [at, room] of rooms.entries()) {
    expect(room.count).toBe(3);
    expect([...room.members.values()].map(({ peer }) => peer.user).sort()).toEqual(
      names.filter((_, index) => index !== at),
    );
    for (const { call, data } of room.members.values()) {
      expect(call?.state).toBe("connected");
      expect(data).toEqual({ role: "guest" });
    }
  }
  const [first, second, third] = rooms as [Room, Room, Room];
  const heard = second.next("message");
  await first.send({ text: "hello all" });
  expect(await heard).toMatchObject({
    from: { user: "alice" },
    to: "room:standup",
    body: { text: "hello all" },
  });

  const left = Promise.all([first.next("left"), second.next("left")]);
  await third.leave();
  for (const member of await left) expect(member.peer.user).toBe("carol");
  expect((await third.ended).reason).toBe("left");
  await until(
    () => clients.slice(0, 2).every(({ calls }) => calls.size === 1),
    "the calls with carol to end",
  );
  expect([first.members.size, first.count]).toEqual([1, 2]);
});

test("a link that is lost for good: the member joins again by itself, and the mesh is whole again", async () => {
  const brief = await startServer({ config: { limits: { resumeWindow: 300 } } });
  const proxy = await startProxy(brief.url);
  try {
    const media = await camera();
    const alice = device(brief.url, "alice", "laptop");
    const bob = device(proxy.url, "bob", "phone");
    const [one, other] = [alice, bob].map((client) => client.join("standup", { media })) as [Room, Room];
    const met = () =>
      [one, other].every(({ members }) =>
        [...members.values()].some(({ call }) => call?.state === "connected"),
      );
    await until(met, "the mesh");
    proxy.block(true);
    await until(
      () => one.count === 1 || [...one.members.values()][0]?.call?.peerLink === "detached",
      "the loss",
    );
    proxy.block(false);
    bob.retry();
    await until(() => bob.state === "online" && one.count === 2 && met(), "the mesh again");
    expect([one.members.size, other.members.size]).toEqual([1, 1]);
    for (const room of [one, other]) for (const { remote } of room.members.values()) await frames(remote);
    expect([alice.calls.size, bob.calls.size]).toEqual([1, 1]);
  } finally {
    await proxy.stop();
    await brief.stop();
  }
});

test("late listeners hear of members that are there; a room without media needs no WebRTC", async () => {
  const alice = device(server.url, "alice", "laptop");
  const plain = connect({ url: server.url, token: "dev:bob", device: { id: "script" } });
  try {
    const room = alice.join("front");
    await room.ready;
    await plain.join("front").ready;
    await until(() => room.members.size === 1, "bob");
    const seen: Member[] = [];
    room.on("joined", (member) => seen.push(member));
    await Promise.resolve();
    expect(seen.map(({ peer }) => peer.user)).toEqual(["bob"]);
    expect(seen[0]?.call).toBeUndefined();
  } finally {
    await plain.close();
  }
});

test("a lobby: who knocks waits, is let in or turned away", async () => {
  const clinic = await startServer({
    config: { ...strict, rooms: [{ match: "room:visit-*", lobby: true }] },
  });
  try {
    const join = ["room:visit-*"];
    const doctor = device(clinic.url, "doctor", "desk", {
      token: await token("doctor", { join, moderate: join }),
    });
    const patient = device(clinic.url, "patient", "phone", { token: await token("patient", { join }) });
    const room = doctor.join("visit-1");
    await room.ready;
    expect(room.moderator).toBe(true);
    const knock = room.next("knock");
    const waiting = patient.join("visit-1");
    const member = await knock;
    await until(() => waiting.state === "lobby", "the reply of the lobby");
    expect(room.knocking.size).toBe(1);
    await room.admit(member);
    await waiting.ready;
    expect(waiting.state).toBe("joined");
    expect([...waiting.members.values()].map(({ peer }) => peer.user)).toEqual(["doctor"]);
    await until(() => room.members.size === 1 && room.knocking.size === 0, "the patient in the room");
    await waiting.leave();

    const again = room.next("knock");
    const refused = patient.join("visit-1");
    await room.refuse(await again);
    await expect(refused.ready).rejects.toMatchObject({ code: "refused" });
    expect((await refused.ended).reason).toBe("refused");
  } finally {
    await clinic.stop();
  }
});

test("presence and messages: who is where, and a word to each device", async () => {
  const alice = device(server.url, "alice", "laptop");
  const changes: boolean[] = [];
  const off = alice.watch(["bob"]);
  alice.on("presence", ({ online }) => changes.push(online));
  await until(() => changes.length === 1, "the first presence");
  const phone = device(server.url, "bob", "phone", {
    device: { id: "phone", kind: "phone", name: "Bob's phone" },
  });
  await phone.setStatus("here");
  await until(() => alice.presence.get("bob")?.devices[0]?.status === "here", "bob with his status");
  expect(alice.presence.get("bob")).toEqual({
    user: "bob",
    online: true,
    devices: [{ user: "bob", device: "phone", kind: "phone", name: "Bob's phone", status: "here" }],
  });
  const tablet = device(server.url, "bob", "tablet");
  await tablet.ready;
  const heard = Promise.all([phone, tablet].map((client) => client.next("message")));
  expect(await alice.send("bob", { text: "hi" })).toEqual({ delivered: 2 });
  for (const message of await heard)
    expect(message).toMatchObject({
      from: { user: "alice", device: "laptop" },
      to: "bob",
      body: { text: "hi" },
    });
  const one = tablet.next("message");
  expect(await alice.send("bob/tablet", 1)).toEqual({ delivered: 1 });
  expect((await one).to).toBe("bob/tablet");
  await expect(alice.send("bob", "x".repeat(20_000))).rejects.toMatchObject({ code: "too_large" });
  await phone.close();
  await tablet.close();
  await until(() => alice.presence.get("bob")?.online === false, "bob to be gone");
  off();
  expect(alice.presence.size).toBe(0);
});
