import { describe, expect, test } from "bun:test";
import { SimSip } from "../../../test/support/sim-phone.ts";
import { phoneCalls, phoneIsCalled, taken } from "../../../test/support/sim-phone-calls.ts";
import { bodyText } from "./message.ts";

describe("messages and presence", () => {
  test("MESSAGE is `send`, both ways; JSON is JSON", () => {
    const world = new SimSip();
    const alice = world.phone("alice");
    alice.register();
    const bob = world.sim.client("bob", "laptop").connect();
    const say = (body: string, type: string) =>
      alice.ask("MESSAGE", { uri: "sip:bob@sim.test", body, type })?.status;
    expect(say("hi", "text/plain")).toBe(200);
    expect(say('{"a":1}', "application/json")).toBe(200);
    expect(say("{", "application/json")).toBe(400);
    expect(say("<a/>", "text/html")).toBe(415);
    expect(bob.pushes("message").map(({ body }) => body)).toEqual(["hi", { a: 1 }]);
    bob.ask("send", { to: "alice", body: { b: 2 } });
    world.pass(0);
    expect(bodyText(alice.request("MESSAGE")!)).toBe('{"b":2}');
  });

  test("SUBSCRIBE is `watch`: NOTIFY at once, on change, and at the end", () => {
    const world = new SimSip();
    const alice = world.phone("alice");
    alice.register();
    const subscribe = (event: string, extra = {}) =>
      alice.ask("SUBSCRIBE", {
        uri: "sip:bob@sim.test",
        headers: [`Event: ${event}`, "Expires: 120"],
        ...extra,
      });
    expect(subscribe("dialog")?.status).toBe(489);
    const accepted = subscribe("presence");
    expect(accepted?.status).toBe(200);
    world.pass(200);
    expect(bodyText(alice.request("NOTIFY")!)).toContain("<basic>closed</basic>");
    alice.respond(alice.request("NOTIFY"), 200);
    world.sim.client("bob", "laptop").connect();
    world.pass(200);
    expect(bodyText(alice.request("NOTIFY")!)).toContain('<tuple id="laptop"><status><basic>open</basic>');
    alice.respond(alice.request("NOTIFY"), 200);
    world.pass(121_000);
    expect(alice.request("NOTIFY")?.headers.get("Subscription-State")).toBe("terminated;reason=timeout");
    expect(world.agent.numbers.subscriptions).toBe(0);
  });
});

describe("keys that are pressed in a call", () => {
  const incoming = (): ReturnType<typeof phoneIsCalled> => {
    const call = phoneIsCalled();
    taken(call);
    return call;
  };

  test("reach a phone from the device at the other end, and from nobody else", () => {
    const called = incoming();
    const calls = phoneCalls();
    const both = [
      { world: called.world, phone: called.bob, user: "bob", other: called.alice, session: called.session },
      { world: calls.world, phone: calls.alice, user: "alice", other: calls.bob, session: calls.session },
    ];
    for (const { world, phone, user, other, session } of both) {
      const press = (device: typeof other, digit: string, duration?: number) => {
        device.ask("send", { to: user, body: { digit, duration, session } });
        world.pass(0);
        const info = phone.request("INFO");
        return info === undefined ? undefined : bodyText(info);
      };
      const mallory = world.sim.client("mallory", "web").connect();
      const second = world.sim.client(other === called.alice ? "alice" : "bob", "second").connect();
      expect([press(mallory, "1"), press(second, "2")]).toEqual([undefined, undefined]);
      expect(press(other, "3", 400)).toBe("Signal=3\r\nDuration=400\r\n");
      phone.respond(phone.request("INFO"), 200);
      expect(press(other, "4", -1e300)).toBe("Signal=4\r\nDuration=250\r\n");
    }
  });
});
