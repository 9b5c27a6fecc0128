import { describe, expect, test } from "bun:test";
import { api } from "../api/support.ts";
import { chromiumPath } from "../browser/support/browser.ts";
import { someOf } from "../support/seed.ts";
import { camera, device } from "../webrtc/support/parties.ts";
import { bothEnd, connectParties, eventually, mediaFlows, type Party } from "./support/parties.ts";
import { useRig } from "./support/rig.ts";

describe.skipIf(chromiumPath === null)("calls of SIP clients", () => {
  const rig = useRig({ limits: { unreachableAfter: 1_000 } });

  for (const kind of someOf(["jssip", "sipjs"] as const, 1)) {
    test(`nobody is there: ${kind} hears so`, async () => {
      const caller = await rig.party(kind, `${kind}-patient`);
      await caller.call("nobody");
      const [told] = await bothEnd(caller);
      expect(told).toMatch(/Unavailable|480/);
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

  const ends = [
    ["jssip", "node"],
    ["node", "sipjs"],
    ["sipjs", "node"],
    ["node", "jssip"],
  ] as const;
  for (const [from, to] of someOf(ends, 1))
    test(`the application connects ${from} with ${to}: the phone rings last, with the offer of who has accepted`, async () => {
      const ask = api(rig.server);
      const [caller, callee] = [await rig.party(from, `${from}-first`), await rig.party(to, `${to}-second`)];
      const [first, second] = from === "node" ? [caller, callee] : [callee, caller];
      const rings = async (party: Party, before: number) =>
        eventually("the ring", async () => (await party.state()).rings > before);
      const before = [(await first.state()).rings, (await second.state()).rings] as const;
      const placed = await ask("POST", "/sessions", {
        ...{ from: caller.user, to: callee.user, media: { audio: true, video: true } },
      });
      expect(placed.status).toBe(201);
      await rings(first, before[0]);
      const answered = first.answer();
      await rings(second, before[1]);
      await second.answer();
      await answered;
      await mediaFlows(first, second);
      await second.hangup();
      await bothEnd(first, second);
      // Who has accepted and is left alone hears so.
      const again = await ask("POST", "/sessions", { from: caller.user, to: callee.user });
      await rings(first, before[0] + 1);
      const waits = first.answer().catch(() => {});
      await rings(second, before[1] + 1);
      await second.decline();
      await waits;
      await bothEnd(first);
      await eventually(
        "the record",
        async () => (await ask("GET", `/records/${again.body.session}`)).body?.reason === "declined",
      );
    });

  for (const kind of someOf(["jssip", "sipjs"] as const, 1))
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

  for (const kind of someOf(["jssip", "sipjs"] as const, 1))
    test(`${kind} holds a camera that can't be renegotiated: it is answered for, and the call goes on`, async () => {
      const capabilities = { renegotiation: "none" } as const;
      const door = device(rig.server.url, "door", "camera", {
        device: { id: "camera", kind: "camera", capabilities },
      });
      await door.ready;
      const media = await camera();
      const answered = door.next("incoming").then((ring) => ring.accept({ media }));
      const phone = await rig.party(kind, `${kind}-patient`);
      await phone.call("door");
      const call = await answered;
      await eventually("the call", async () => (await phone.state()).connected);
      const mediaComes = async () => {
        const before = await phone.counts();
        await eventually(
          "the camera's picture",
          async () => (await phone.counts()).frames > before.frames + 2,
        );
      };
      await mediaComes();
      let negotiations = 0;
      call.pc?.addEventListener("signalingstatechange", () => negotiations++);
      await phone.hold(true);
      await phone.hold(false);
      await mediaComes();
      // JsSIP ends a call of which it can't renegotiate something.
      if (kind === "sipjs") {
        await expect(phone.restartIce()).rejects.toThrow("488");
        await mediaComes();
      }
      expect(negotiations).toBe(0);
      await phone.hangup();
      expect((await call.ended).reason).toBe("hangup");
      await door.close();
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
