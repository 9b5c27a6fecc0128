import { describe, expect, test } from "bun:test";
import { SimXmpp } from "../../../test/support/sim-xmpp.ts";
import { Component } from "./component.ts";

const ns = "jabber:component:accept";

/** A component that its server has taken, and what it has sent since. */
function joined() {
  const world = new SimXmpp();
  const component = new Component(world.context, {
    domain: "call.example.org",
    secret: "secret",
    domains: ["example.org"],
    users: ["alice@example.org"],
    grants: { call: ["*"], send: ["*"], watch: ["*"] },
  });
  const sent: string[] = [];
  const wire = { open: true };
  component.connected({
    send: (text) => sent.push(text),
    close: () => {
      wire.open = false;
    },
  });
  const say = (text: string) => {
    component.received(text);
    world.pass();
  };
  say(`<stream:stream xmlns="${ns}" xmlns:stream="http://etherx.jabber.org/streams" id="1">`);
  say("<handshake/>");
  sent.length = 0;
  return { world, component, sent, wire, say };
}

describe("a component", () => {
  test("takes nothing from domains that are not let in, and nothing for others", () => {
    const { world, component, sent, say } = joined();
    const nora = world.sim.client("nora", "phone").connect();
    const message = (from: string, to: string) =>
      say(`<message from="${from}" to="${to}" id="1"><body>${from}</body></message>`);
    // Another domain, a domain that ends like ours, our own users, and a server.
    const spoofed = ["eve@example.com/x", "eve@evil-example.org/x", "bob@call.example.org/x", "example.org"];
    for (const from of spoofed) {
      message(from, "nora@call.example.org");
      expect(sent.pop()).toContain("<forbidden");
    }
    message("alice@example.org/x", "nora@example.org");
    message("alice@example.org/x", "nora@other.example.org");
    message("no jid", "nora@call.example.org");
    expect(sent).toEqual([]);
    expect(nora.pushes("message")).toEqual([]);
    expect([...component.users.keys()]).toEqual(["alice@example.org"]);
    message("alice@example.org/x", "nora@call.example.org");
    expect(nora.pushes("message").map(({ body }) => body)).toEqual(["alice@example.org/x"]);
  });

  test("answers no error and no result of a stranger", () => {
    const { sent, say } = joined();
    for (const type of ["error", "result"])
      say(`<iq type="${type}" id="1" from="eve@example.com/x" to="nora@call.example.org"/>`);
    say(`<presence from="eve@example.com/x" to="nora@call.example.org" type="subscribe"/>`);
    expect(sent).toEqual([]);
  });

  test.each([
    ["a comment", "<!-- c -->"],
    ["a doubled attribute", "<a b='1' b='2'/>"],
    ["an unbound prefix", "<p:a/>"],
    ["the end of the stream", "</stream:stream>"],
    ["a stream error", '<stream:error xmlns:stream="http://etherx.jabber.org/streams"/>'],
    ["300 KB in one element", `<a>${"x".repeat(300_000)}</a>`],
  ])("closes its connection at %s", (_, text) => {
    const { say, wire } = joined();
    say(text);
    expect(wire.open).toBe(false);
  });
});
