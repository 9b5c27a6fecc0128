import { afterEach, describe, expect, test } from "bun:test";
import { chromiumPath } from "../browser/support/browser.ts";
import { type Cutter, openCutter } from "../support/cutter.ts";
import { camera, device } from "../webrtc/support/parties.ts";
import { bothEnd, connectParties, eventually, mediaFlows } from "./support/parties.ts";
import { useRig } from "./support/rig.ts";

describe.skipIf(chromiumPath === null)("calls of SIP clients", () => {
  const rig = useRig({ limits: { ringTimeout: 2_500 }, sip: { limits: { graceTimeout: 20_000 } } });
  const cutters: Cutter[] = [];
  afterEach(async () => {
    for (const cutter of cutters.splice(0)) await cutter.close();
  });

  for (const kind of ["jssip", "sipjs"] as const) {
    test(`nobody answers: ${kind} hears so as caller, and stops ringing as callee`, async () => {
      const caller = await rig.party(kind, `${kind}-patient`);
      const callee = await rig.party(kind, `${kind}-sleeper`);
      await caller.call(callee.user);
      const [told, missed] = await bothEnd(caller, callee);
      expect(told).toMatch(kind === "jssip" ? /Unavailable|No Answer/ : /^480: SIP;cause=408/);
      expect(missed).toMatch(/Cancel.*cause=408/);
    });

    test(`nobody is there: ${kind} hears so`, async () => {
      const caller = await rig.party(kind, `${kind}-patient`);
      await caller.call("nobody");
      const [told] = await bothEnd(caller);
      expect(told).toMatch(/Unavailable|480/);
    });

    test(`${kind}: the connection is lost in mid-call and comes back; media and call go on`, async () => {
      const cutter = await openCutter(rig.server.port);
      cutters.push(cutter);
      const user = `${kind}-traveller`;
      const traveller = await rig.fresh(kind, user, { server: `${cutter.url.replace("http", "ws")}/sip` });
      const friend = await rig.party("node", "friend");
      await connectParties(traveller, friend);
      await mediaFlows(traveller, friend);
      cutter.cut();
      await eventually("the client to notice", async () => !(await traveller.state()).registered);
      await mediaFlows(traveller, friend);
      cutter.restore();
      await eventually("the client to be back", async () => (await traveller.state()).registered, 15_000);
      // The dialog goes on over the new connection, both ways.
      const before = await friend.ufrag();
      await friend.restartIce();
      await eventually("an ICE restart", async () => (await friend.ufrag()) !== before);
      await mediaFlows(traveller, friend);
      await traveller.hangup();
      expect(await bothEnd(friend)).toEqual(["hangup"]);
      await traveller.stop();
    });

    test(`${kind}: messages both ways, and keys that are pressed`, async () => {
      const sender = await rig.party(kind, `${kind}-patient`);
      const friend = await rig.party("node", "friend");
      await sender.message("friend", "hello");
      await eventually("the message", async () => (await friend.messages()).includes('"hello"'));
      await friend.message(sender.user, "hello yourself");
      await eventually("the reply", async () => (await sender.messages()).includes('"hello yourself"'));
      const other = await rig.party(kind === "jssip" ? "sipjs" : "jssip", `${kind}-keys`);
      await connectParties(sender, other);
      await sender.digit("5");
      await eventually("the key", async () => (await other.state()).digits === "5");
      await other.hangup();
      await bothEnd(sender, other);
    });
  }

  for (const winner of ["native", "jssip", "sipjs"] as const)
    test(`three devices of one user ring in three protocols: ${winner} answers, the others hear so`, async () => {
      const caller = await rig.party("node", "friend");
      const devices = [
        await rig.party("native", "trio-native", { user: "trio" }),
        await rig.party("jssip", "trio-jssip", { user: "trio" }),
        await rig.party("sipjs", "trio-sipjs", { user: "trio" }),
      ];
      const rings = await Promise.all(devices.map(async (one) => (await one.state()).rings));
      await caller.call("trio");
      for (const [index, one] of devices.entries())
        await eventually(`${one.kind} to ring`, async () => (await one.state()).rings > (rings[index] ?? 0));
      const answering = devices.find(({ kind }) => kind === winner)!;
      await answering.answer();
      await eventually("an answer", async () => (await answering.state()).connected);
      await mediaFlows(caller, answering);
      const losers = devices.filter((one) => one !== answering);
      for (const [index, reason] of (await bothEnd(...losers)).entries())
        expect(reason).toMatch(
          losers[index]?.kind === "native"
            ? /answered_elsewhere/
            : /SIP;cause=200;text="Call completed elsewhere"/,
        );
      await caller.hangup();
      await bothEnd(answering);
    });

  test("a call goes from a native device to a SIP phone of the same user, and its peer doesn't notice", async () => {
    const peer = await rig.party("node", "friend");
    const laptop = device(rig.server.url, "mover", "laptop");
    await laptop.ready;
    const phone = await rig.party("jssip", "mover", { device: "desk" });
    const answered = laptop.next("incoming").then((ring) => ring.accept({ media: false }));
    await peer.call("mover/laptop");
    const call = await answered;
    await call.connected;
    const moved = call.move("desk");
    await eventually("the phone to ring", async () => (await phone.state()).rings > 0);
    await phone.answer();
    await moved;
    await mediaFlows(peer, phone);
    await phone.hangup();
    await bothEnd(peer, phone);
  });

  for (const kind of ["jssip", "sipjs"] as const)
    test(`the peer of ${kind} goes to another of its devices, and the phone with it`, async () => {
      const phone = await rig.party(kind, `${kind}-patient`);
      const laptop = device(rig.server.url, `${kind}-mover`, "laptop");
      await laptop.ready;
      const tablet = await rig.party("node", `${kind}-mover`, { device: "tablet" });
      await phone.call(`${kind}-mover%2Flaptop`);
      const call = await (await laptop.next("incoming")).accept({ media: await camera() });
      await call.connected;
      const moved = call.move("tablet");
      await eventually("the tablet to ring", async () => (await tablet.state()).rings > 0);
      await tablet.answer();
      await moved;
      await mediaFlows(phone, tablet);
      await tablet.hangup();
      await bothEnd(phone, tablet);
    });

  test("a provisional response that must be acknowledged is (100rel)", async () => {
    const caller = await rig.party("sipjs", "careful", { reliable: true });
    const callee = await rig.party("jssip", "jssip-sleeper");
    await connectParties(caller, callee);
    expect((await caller.state()).alerting).toBe(true);
    await mediaFlows(caller, callee);
    await caller.hangup();
    await bothEnd(caller, callee);
  });

  test("a phone is in the directory like every other device, and offline when its connection is gone", async () => {
    const watcher = device(rig.server.url, "watcher", "w");
    await watcher.ready;
    watcher.watch(["seen"]);
    const phone = await rig.fresh("jssip", "seen", { device: "desk" });
    await eventually("presence", async () => watcher.presence.get("seen")?.online);
    expect(watcher.presence.get("seen")?.devices).toMatchObject([{ device: "desk", kind: "phone" }]);
    await phone.stop();
    await eventually("absence", async () => watcher.presence.get("seen")?.online === false);
  });
});
