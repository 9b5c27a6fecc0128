import { describe, expect, test } from "bun:test";
import { SimCore } from "../../test/support/sim-core.ts";
import { TestLink } from "../../test/support/test-device.ts";
import type { Capabilities } from "../protocol/values.ts";
import { Core, type CoreOptions } from "./core.ts";
import type { Device } from "./device.ts";
import type { GatewayOptions, GatewayPort } from "./gateway-port.ts";

const offer = { type: "offer", sdp: "v=0\r\no=offer" } as const;
const answer = { type: "answer", sdp: "v=0\r\no=answer" } as const;
const candidate = { candidate: "candidate:1 1 udp 1 192.0.2.1 5000 typ host", sdpMid: "0" };
const grants = { call: ["*"], watch: ["*"], send: ["*"] };
/** One whose devices may need an offer to ring, and one whose devices never do. */
const sip = { name: "sip", asksOffers: true };
const xmpp = { name: "xmpp", asksOffers: false };

class GatewayLink extends TestLink {
  replies: unknown[] = [];
  override reply(id?: number, outcome?: unknown): void {
    this.replies.push([id, outcome]);
  }
}

function attach(
  sim: SimCore,
  gateway: GatewayPort,
  user: string,
  capabilities: Capabilities = {},
): { device: Device; link: GatewayLink } {
  const link = new GatewayLink(`${user}/desk`);
  const options = { user, id: "desk", kind: "phone", name: undefined, capabilities, link, grants };
  const attached = gateway.attach(options, sim.now);
  if (!attached.ok) throw new Error(attached.error.code);
  gateway.settle(sim.now);
  return { device: attached.value, link };
}

describe("a device of a gateway", () => {
  test("that needs the offer to ring gets it early, the native winner with the confirm", () => {
    for (const winner of ["desk", "phone"]) {
      const sim = new SimCore();
      const gateway = sim.core.gateway(sip);
      const alice = sim.client("alice", "laptop").connect();
      const phone = sim.client("bob", "phone").connect();
      const desk = attach(sim, gateway, "bob", { needsOffer: true });
      const { session } = alice.ask("call", { to: "bob" }).ok;
      expect(alice.last("offer_wanted")).toMatchObject({ session, pair: 1, generation: 1 });
      alice.ask("signal", { session, pair: 1, generation: 1, description: offer, candidates: [candidate] });
      expect(desk.link.heard.map(({ type }) => type)).toEqual(["incoming", "signal"]);
      expect(desk.link.heard[1]).toMatchObject({ description: offer });
      expect(desk.link.heard[1]).not.toHaveProperty("candidates");
      expect(phone.pushes("signal")).toEqual([]);
      const again = alice.ask("signal", { session, pair: 1, generation: 1, description: offer });
      expect(again.error.code).toBe("wrong_state");

      if (winner === "desk") {
        const accept = { id: 1, type: "accept", session, description: answer } as const;
        expect(gateway.perform(desk.device, accept, sim.now)).toBeUndefined();
        expect(alice.last("accepted").description).toEqual(answer);
      } else phone.ask("accept", { session });
      alice.ask("confirm", { session, device: winner });
      const told = winner === "desk" ? desk.link.heard : phone.heard;
      const signals = told.filter(({ type }) => type === "signal");
      expect(signals).toHaveLength(2);
      expect(signals[0]).toMatchObject({ description: offer });
      expect(signals[1]).toMatchObject({ candidates: [candidate] });
    }
  });

  test("that may not bundle: its caller hears so with the answer, and of no other one", () => {
    for (const bundle of [false, true]) {
      const sim = new SimCore();
      const gateway = sim.core.gateway(xmpp);
      const alice = sim.client("alice", "laptop").connect();
      const desk = attach(sim, gateway, "bob", { bundle });
      const { session } = alice.ask("call", { to: "bob" }).ok;
      expect(gateway.perform(desk.device, { id: 1, type: "accept", session }, sim.now)).toBeUndefined();
      expect(alice.last("accepted").bundle).toBe(bundle ? undefined : false);
    }
  });

  test("is in the directory, is kicked, is suspended and comes back like every other", () => {
    const sim = new SimCore();
    const gateway = sim.core.gateway(xmpp);
    const alice = sim.client("alice", "laptop").connect();
    alice.ask("watch", { users: ["bob"] });
    const { device, link } = attach(sim, gateway, "bob");
    sim.pass(200);
    expect(alice.last("presence")).toMatchObject({
      user: "bob",
      online: true,
      devices: [{ device: "desk" }],
    });
    const { session } = alice.ask("call", { to: "bob" }).ok;
    gateway.perform(device, { id: 1, type: "accept", session }, sim.now);
    alice.ask("confirm", { session, device: "desk" });
    gateway.suspend(device, sim.now);
    sim.pass(200);
    expect(alice.last("peer")).toMatchObject({ link: "suspended" });
    expect(alice.last("presence")).toMatchObject({ online: false });
    gateway.resume(device, sim.now);
    expect(alice.last("peer")).toMatchObject({ link: "live" });
    sim.core.kick("bob", undefined, sim.now);
    expect(link.state).toBe("closed");
    gateway.detach(device, "kicked", sim.now);
    gateway.settle(sim.now);
    expect(alice.last("ended")).toMatchObject({ reason: "forbidden" });
    expect(gateway.size).toBe(0);
  });

  test("that can't be asked for a restart brings its own offer to one that it asks for", () => {
    const sim = new SimCore();
    const gateway = sim.core.gateway(xmpp);
    const alice = sim.client("alice", "laptop").connect();
    const { device, link } = attach(sim, gateway, "bob", { iceRestart: false });
    const { session } = alice.ask("call", { to: "bob" }).ok;
    gateway.perform(device, { id: 1, type: "accept", session }, sim.now);
    alice.ask("confirm", { session, device: "desk" });
    gateway.perform(device, { id: 2, type: "restart", session, pair: 1, generation: 1 }, sim.now);
    expect(alice.last("restart")).toMatchObject({ generation: 2, offer: false });
    expect(link.heard.at(-1)).toMatchObject({ type: "restart", offer: true });
    expect(alice.ask("restart", { session, pair: 1, generation: 2 }).ok).toMatchObject({ offer: true });
  });

  test("doesn't take the place of a native one", () => {
    const sim = new SimCore();
    sim.client("bob", "desk").connect();
    expect(() => attach(sim, sim.core.gateway(xmpp), "bob")).toThrow("wrong_state");
  });
});

describe("who is asked for an offer before anybody accepts", () => {
  /** Calls bob, whose only device is a native one, and a user who is nobody, by one who may watch them and one who may not. */
  function asked(gateways: readonly GatewayOptions[]): { watcher: number; stranger: number } {
    const sim = new SimCore();
    for (const gateway of gateways) sim.core.gateway(gateway);
    sim.client("bob", "phone").connect();
    const alice = sim.client("alice", "laptop").connect();
    const eve = sim.client("eve", "laptop", { token: 'eve?{"call":["*"]}' }).connect();
    for (const caller of [alice, eve]) for (const to of ["bob", "nobody"]) caller.ask("call", { to });
    const count = (caller: typeof alice): number => caller.pushes("offer_wanted").length;
    return { watcher: count(alice), stranger: count(eve) };
  }

  test("a gateway whose devices need none changes nothing for any caller", () => {
    expect(asked([])).toEqual({ watcher: 0, stranger: 0 });
    expect(asked([xmpp, { name: "mqtt", asksOffers: false }])).toEqual({ watcher: 0, stranger: 0 });
  });

  test("with one whose devices may need it, a caller that may not watch is asked whomever it calls", () => {
    for (const gateways of [[sip], [sip, xmpp], [xmpp, sip]])
      expect(asked(gateways)).toEqual({ watcher: 0, stranger: 2 });
  });

  test("so being asked tells it nothing: a phone that rings makes no difference", () => {
    const sim = new SimCore();
    const gateway = sim.core.gateway(sip);
    attach(sim, gateway, "bob", { needsOffer: true });
    sim.client("carol", "phone").connect();
    const told = ["bob", "carol", "nobody"].map((to) => {
      const eve = sim.client("eve", `to-${to}`, { token: 'eve?{"call":["*"]}' }).connect();
      const { session } = eve.ask("call", { to }).ok;
      sim.pass(1_000);
      return eve.heard
        .filter(({ type }) => type !== undefined && type !== "welcome")
        .map(({ session: its, type, offer }) => ({ type, offer, own: its === session }));
    });
    expect(told[0]).toEqual([{ type: "offer_wanted", offer: true, own: true }]);
    expect(told[1]).toEqual(told[0]);
    expect(told[2]).toEqual(told[0]);
  });

  test("a device that needs it can't be attached by a gateway that says its devices don't", () => {
    const sim = new SimCore();
    const gateway = sim.core.gateway(xmpp);
    expect(() => attach(sim, gateway, "bob", { needsOffer: true })).toThrow("asksOffers");
    expect(attach(sim, gateway, "bob", { needsOffer: false }).device.online).toBe(true);
  });
});

test("a gateway has a name of its own, and its devices know it", () => {
  let core: Core | undefined;
  const make = (options: CoreOptions, now: number): Core => {
    core = new Core(options, now);
    return core;
  };
  const sim = new SimCore({}, [], { make });
  const [phones, chats] = [sim.core.gateway(sip), sim.core.gateway(xmpp)];
  expect(attach(sim, phones, "alice").device.gateway).toBe("sip");
  expect(attach(sim, chats, "bob").device.gateway).toBe("xmpp");
  sim.client("carol", "phone").connect();
  expect(core?.directory.device("carol", "phone")?.gateway).toBeUndefined();
  expect(() => sim.core.gateway({ name: "sip", asksOffers: false })).toThrow("sip");
});
