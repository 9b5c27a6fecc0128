import { describe, expect, test } from "bun:test";
import { SimSip } from "../../../test/support/sim-phone.ts";
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
