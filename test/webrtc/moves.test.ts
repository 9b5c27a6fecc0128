import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { type RunningServer, startServer } from "../support/server.ts";
import { camera, closeAll, device, frames, until } from "./support/parties.ts";

let server: RunningServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());
afterEach(closeAll);

/** Alice's laptop talks with bob's phone, over media and a channel; bob's desktop is online too. */
async function talk() {
  const alice = device(server.url, "alice", "laptop");
  const phone = device(server.url, "bob", "phone");
  const desktop = device(server.url, "bob", "desktop");
  await Promise.all([phone.ready, desktop.ready]);
  const ring = phone.next("incoming");
  const call = alice.call("bob", { media: await camera() });
  const onPhone = await (await ring).accept({ media: await camera() });
  const chat = call.channel("chat");
  await Promise.all([frames(call.remote), frames(onPhone.remote)]);
  return { alice, phone, desktop, call, onPhone, chat };
}

test("a call moves to another device: its streams and channels go on, the old device is told where to", async () => {
  const { desktop, call, onPhone, chat } = await talk();
  const remote = call.remote;
  const tracks = remote.getTracks();
  const moved = call.next("moved");
  const ring = desktop.next("incoming");
  const done = onPhone.move("desktop");
  const taken = await ring;
  expect(taken.movedFrom).toBe("phone");
  expect(taken.from).toMatchObject({ user: "alice" });
  const onDesktop = await taken.accept({ media: await camera() });
  await done;
  expect(await onPhone.ended).toMatchObject({ reason: "moved", device: "desktop" });
  expect(await moved).toMatchObject({ user: "bob", device: "desktop" });
  await Promise.all([frames(call.remote), frames(onDesktop.remote)]);
  expect(call.remote).toBe(remote);
  expect(remote.getTracks().some((track) => tracks.includes(track))).toBe(false);
  expect([call.state, onDesktop.state]).toEqual(["connected", "connected"]);
  await chat.send("still there?");
  for await (const text of await onDesktop.next("channel")) {
    expect(text).toBe("still there?");
    break;
  }
  await onDesktop.hangup();
  expect((await call.ended).reason).toBe("hangup");
});

test("the caller moves too", async () => {
  const { call, onPhone } = await talk();
  const tablet = device(server.url, "alice", "tablet");
  await tablet.ready;
  const ring = tablet.next("incoming");
  const away = call.move("tablet");
  const onTablet = await (await ring).accept({ media: await camera() });
  await away;
  await Promise.all([frames(onTablet.remote), frames(onPhone.remote)]);
  expect(onPhone.peer.device).toBe("tablet");
  expect((await call.ended).reason).toBe("moved");
});

test("a move that is refused, or goes nowhere, changes nothing", async () => {
  const { desktop, call, onPhone } = await talk();
  const ring = desktop.next("incoming");
  const moving = onPhone.move("desktop");
  await (await ring).decline();
  await expect(moving).rejects.toMatchObject({ code: "move_failed" });
  await expect(onPhone.move("toaster")).rejects.toMatchObject({ code: "no_device" });
  await Promise.all([frames(call.remote), frames(onPhone.remote)]);
  expect([call.state, onPhone.state]).toEqual(["connected", "connected"]);
  await until(() => call.pc?.connectionState === "connected", "the old pair to be in use");
});
