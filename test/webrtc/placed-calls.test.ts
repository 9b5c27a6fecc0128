import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { type Ask, api } from "../api/support.ts";
import { type RunningServer, startServer } from "../support/server.ts";
import { camera, closeAll, device, frames, until } from "./support/parties.ts";

let server: RunningServer;
let ask: Ask;
beforeAll(async () => {
  server = await startServer({ config: { limits: { unreachableAfter: 300 } } });
  ask = api(server);
});
afterAll(() => server.stop());
afterEach(closeAll);

/** The record of a session that is over. */
async function recordOf(session: string) {
  // biome-ignore lint/suspicious/noExplicitAny: JSON
  let record: any;
  await until(() => {
    void ask("GET", `/records/${session}`).then(({ body }) => {
      record = body;
    });
    return record?.state === "ended";
  }, "the record");
  return record;
}

test("two users are connected from outside: one rings, then the other, and media flows in one session", async () => {
  const [alice, bob] = [device(server.url, "alice", "laptop"), device(server.url, "bob", "phone")];
  await Promise.all([alice.ready, bob.ready]);
  const [ring, next] = [alice.next("incoming"), bob.next("incoming")];
  const placed = await ask("POST", "/sessions", {
    ...{ from: "alice", to: "bob" },
    ...{ media: { audio: true, video: true }, data: { ticket: 17 } },
  });
  expect(placed.status).toBe(201);
  const { session } = placed.body;
  const first = await ring;
  expect(first).toMatchObject({ id: session, from: { user: "bob" }, data: { ticket: 17 } });
  expect((await ask("GET", `/sessions/${session}`)).body).toMatchObject({
    ...{ state: "ringing", from: "alice/server", to: "bob" },
    legs: [{ user: "alice", device: "laptop" }],
  });
  const accepted = first.accept({ media: await camera() });
  const second = await next;
  expect(second.from).toMatchObject({ user: "alice", device: "laptop" });
  const theirs = await second.accept({ media: await camera() });
  const mine = await accepted;
  await Promise.all([mine.connected, theirs.connected]);
  await Promise.all([frames(mine.remote), frames(theirs.remote)]);
  expect((await ask("GET", "/sessions")).body.items).toMatchObject([
    { session, state: "active", from: "alice/laptop", to: "bob" },
  ]);
  await theirs.hangup();
  expect((await mine.ended).reason).toBe("hangup");
  const record = await recordOf(session);
  expect(record).toMatchObject({
    ...{ caller: { user: "alice", device: "laptop" }, callee: { user: "bob", device: "phone" } },
    ...{ placed: "from", reason: "hangup" },
  });
  expect(record.connectedAt).toBeNumber();
  expect(record.legs.map((leg: { side: string }) => leg.side)).toEqual(["caller", "callee"]);
  expect(record.ladder[0]).toMatchObject({ from: "application", type: "call" });
  const listed = await ask("GET", "/records?user=alice");
  expect(listed.body.items).toHaveLength(1);
}, 60_000);

test("a camera is called once somebody has accepted, and sends its picture", async () => {
  const cam = device(server.url, "yard", "cam", { device: { id: "cam", kind: "camera" } });
  const guard = device(server.url, "guard", "desk");
  await Promise.all([cam.ready, guard.ready]);
  const taken = cam.next("incoming").then(async (ring) => ring.accept({ media: await camera() }));
  const ring = guard.next("incoming");
  const { session } = (await ask("POST", "/sessions", { from: "yard", to: "guard" })).body;
  const rings = await ring;
  expect(rings.from).toMatchObject({ user: "yard" });
  expect(cam.calls.size).toBe(0);
  const watch = await rings.accept({ media: false });
  await frames(watch.remote);
  await (await taken).hangup();
  expect(await recordOf(session)).toMatchObject({
    ...{ caller: { user: "yard", device: "cam" }, callee: { user: "guard", device: "desk" }, placed: "to" },
  });
}, 60_000);

test("nobody answers, from declines, to is busy, from hangs up, the application takes it back: each has its end", async () => {
  const [alice, bob] = [device(server.url, "alice", "laptop"), device(server.url, "bob", "phone")];
  await Promise.all([alice.ready, bob.ready]);
  const place = async (more = {}) =>
    (await ask("POST", "/sessions", { from: "alice", to: "bob", ...more })).body.session as string;
  const cause = async (session: string) => {
    const { reason, diagnosis } = await recordOf(session);
    return [reason, diagnosis[0].code];
  };

  let ring = alice.next("incoming");
  let session = await place({ timeout: 1_000 });
  expect((await (await ring).ended).reason).toBe("no_answer");
  expect(await cause(session)).toEqual(["no_answer", "caller_not_reached"]);

  ring = alice.next("incoming");
  session = await place();
  await (await ring).decline();
  expect(await cause(session)).toEqual(["declined", "caller_not_reached"]);

  // Bob's device says by itself that it is busy.
  ring = alice.next("incoming");
  let next = bob.next("incoming");
  session = await place();
  let accepting = (await ring).accept({ media: false });
  await (await next).decline({ reason: "busy" });
  expect(await accepting.catch(({ code }) => code)).toBe("not_confirmed");
  expect(await cause(session)).toEqual(["busy", "busy"]);

  ring = alice.next("incoming");
  next = bob.next("incoming");
  session = await place();
  let first = await ring;
  accepting = first.accept({ media: false });
  const rings = await next;
  await first.decline();
  expect((await rings.ended).reason).toBe("cancelled");
  expect(await accepting.catch(({ code }) => code)).toBe("not_confirmed");
  expect(await cause(session)).toEqual(["cancelled", "caller_gave_up"]);

  ring = alice.next("incoming");
  session = await place();
  first = await ring;
  expect((await ask("DELETE", `/sessions/${session}`)).status).toBe(204);
  expect((await first.ended).reason).toBe("cancelled");
  expect((await ask("DELETE", `/sessions/${session}`)).status).toBe(404);

  session = await place({ from: "nobody" });
  expect(await cause(session)).toEqual(["unreachable", "caller_not_reached"]);
  expect(await ask("POST", "/sessions", { from: "alice", to: "room:x" })).toMatchObject({ status: 400 });
}, 60_000);
