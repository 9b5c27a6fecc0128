import { describe, expect, test } from "bun:test";
import { type SimStream, SimXmpp } from "../../../test/support/sim-xmpp.ts";
import { namespaces } from "./namespaces.ts";
import { child, children, elements, serialize, text } from "./xml.ts";

const sm = `xmlns="${namespaces.sm}"`;

/** What a client got to read. */
const bodies = (stream: SimStream) =>
  stream.all("message").flatMap((one) => {
    const body = child(one, "body");
    return body === undefined ? [] : [text(body)];
  });
const condition = (stream: SimStream, name: string) => {
  const error = child(stream.last(name)!, "error");
  return error && elements(error)[0]?.name;
};

describe("a stream", () => {
  test("begins with open, and offers what there is", () => {
    const stream = new SimXmpp().connect().hello("Example.org");
    const [open, features] = stream.heard;
    expect(open?.attributes).toMatchObject({ from: "example.org", version: "1.0" });
    const names = children(child(features!, "mechanisms", namespaces.sasl)!, "mechanism").map(text);
    expect(names).toEqual(["SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN"]);
    stream.plain("alice").hello("example.org");
    expect(elements(stream.last("features")!).map(({ name }) => name)).toEqual([
      "bind",
      "session",
      "sm",
      "csi",
      "c",
    ]);
  });

  test.each([
    ["<message/>", "invalid-namespace"],
    [`<open xmlns="${namespaces.framing}" to="a@example.org" version="1.0"/>`, "host-unknown"],
    [`<open xmlns="${namespaces.framing}" to="example.com" version="1.0"/>`, "host-unknown"],
    [`<open xmlns="${namespaces.framing}" to="example.org"/>`, "unsupported-version"],
    ["<a><!-- --></a>", "restricted-xml"],
    ["<!DOCTYPE a><a/>", "restricted-xml"],
    ["<x:a/>", "bad-namespace-prefix"],
    ["<a", "not-well-formed"],
    [`<a>${"x".repeat(1_048_576)}</a>`, "policy-violation"],
  ])("that begins with %p is ended", (input, error) => {
    const stream = new SimXmpp({}, "example.org").connect().say(input);
    expect(stream.inside("error")).toBe(error);
    expect(stream.last("close")).toBeDefined();
    expect(stream.open).toBe(false);
  });

  test("nothing is done for somebody who has not signed in, or has no resource", () => {
    const world = new SimXmpp();
    const stream = world.connect().hello().stanza("message", 'to="bob@example.org"', "<body>hi</body>");
    expect([stream.inside("error"), stream.open]).toEqual(["not-authorized", false]);
    const unbound = world.connect().signIn("alice").stanza("presence", "");
    expect([unbound.inside("error"), unbound.open]).toEqual(["not-authorized", false]);
    const late = world.connect().hello();
    world.pass(20_000);
    expect([late.inside("error"), late.open]).toEqual(["connection-timeout", false]);
  });

  test("sign-in: what is wrong is said, and three times are enough", () => {
    const world = new SimXmpp();
    const stream = world.connect().hello().plain("alice", "wrong");
    expect(stream.inside("failure")).toBe("not-authorized");
    stream.say(`<auth xmlns="${namespaces.sasl}" mechanism="X">YQ==</auth>`);
    expect(stream.inside("failure")).toBe("invalid-mechanism");
    stream.say(`<auth xmlns="${namespaces.sasl}" mechanism="PLAIN">###</auth>`);
    expect(stream.inside("failure")).toBe("incorrect-encoding");
    expect([stream.inside("error"), stream.open]).toEqual(["policy-violation", false]);
    const foreign = world.connect().hello();
    const acting = Buffer.from("bob\0alice\0secret-of-alice").toString("base64");
    foreign.say(`<auth xmlns="${namespaces.sasl}" mechanism="PLAIN">${acting}</auth>`);
    expect(foreign.inside("failure")).toBe("invalid-authzid");
    // The token of the core's tests is the user's name.
    expect(world.connect().hello().plain("alice", "alice").last("success")).toBeDefined();
    expect(world.connect().hello().plain("alice", "bob").inside("failure")).toBe("not-authorized");
  });

  test("names and passwords are prepared by SASLprep", () => {
    const world = new SimXmpp();
    const stream = world.connect().hello().plain("\u00aal\u00adice", "secret\u00ad-of-alice");
    expect(stream.last("success")).toBeDefined();
    for (const [name, password, error] of [
      ["\u0007", "secret", "invalid-authzid"],
      ["\u06271", "secret", "invalid-authzid"],
      ["alice", "secret-of-alice\u0007", "not-authorized"],
    ] as const)
      expect(world.connect().hello().plain(name, password).inside("failure")).toBe(error);
    const scram = world.connect().hello();
    const first = Buffer.from("n,,n=\u0007,r=abc").toString("base64");
    scram.say(`<auth xmlns="${namespaces.sasl}" mechanism="SCRAM-SHA-256">${first}</auth>`);
    expect(scram.inside("failure")).toBe("invalid-authzid");
  });

  test("SCRAM goes on for logins that there are not, and then fails", () => {
    const world = new SimXmpp();
    const salts = [1, 2].map(() => {
      const stream = world.connect().hello();
      const first = Buffer.from("n,,n=nobody,r=abc").toString("base64");
      stream.say(`<auth xmlns="${namespaces.sasl}" mechanism="SCRAM-SHA-256">${first}</auth>`);
      const challenge = Buffer.from(text(stream.last("challenge")!), "base64").toString();
      const [, nonce, salt] = /^r=([^,]+),s=([^,]+),i=4096$/.exec(challenge) ?? [];
      const final = Buffer.from(`c=biws,r=${nonce},p=${Buffer.alloc(32).toString("base64")}`);
      stream.say(`<response xmlns="${namespaces.sasl}">${final.toString("base64")}</response>`);
      expect(stream.inside("failure")).toBe("not-authorized");
      return salt;
    });
    expect(salts[0]).toBe(salts[1] as string);
  });

  test("a resource belongs to one client: the next one of the user takes it, and nobody speaks for somebody else", () => {
    const world = new SimXmpp();
    const [first, second] = [world.client("alice", "desk"), world.client("alice", "desk")];
    expect([first.inside("error"), first.open, second.open]).toEqual(["conflict", false, true]);
    const bob = world
      .client("bob")
      .stanza("message", 'from="alice@example.org/desk" to="bob@example.org"', "<body>x</body>");
    expect([bob.inside("error"), bob.open]).toEqual(["invalid-from", false]);
    const spoofed = world
      .client("bob", "y")
      .stanza("message", 'from="bob@example.com/y" to="alice@example.org"', "<body>x</body>");
    expect([spoofed.inside("error"), spoofed.open]).toEqual(["invalid-from", false]);
    expect([second.open, bodies(second)]).toEqual([true, []]);
    const moved = world.connect().signIn("bob").hello("example.com");
    expect([moved.inside("error"), moved.open]).toEqual(["policy-violation", false]);
    // A credential of one device has that one's resource, and a resource that is no id is given another.
    const bound = (user: string, resource: string) => {
      const answer = world
        .client(user, resource)
        .all("iq")
        .find(({ attributes }) => attributes.id === "b");
      return text(elements(elements(answer!)[0]!)[0]!);
    };
    expect(bound("carol/cam", "other")).toBe("carol@example.org/cam");
    expect(bound("dora", "a b")).toMatch(/^dora@example.org\/xmpp-/);
  });
});

describe("messages", () => {
  test("pass between clients and native devices, as text and as JSON", () => {
    const world = new SimXmpp();
    const [alice, bob] = [world.client("alice"), world.sim.client("bob", "phone").connect()];
    alice.stanza("message", 'to="bob@example.org" id="1"', "<body>hello &lt;</body>");
    alice.stanza(
      "message",
      'to="bob@example.org/phone"',
      `<body>b</body><json xmlns="${namespaces.json}">{"a":1}</json>`,
    );
    alice.stanza(
      "message",
      'to="bob@example.org"',
      '<composing xmlns="http://jabber.org/protocol/chatstates"/>',
    );
    expect(bob.pushes("message").map(({ body }) => body)).toEqual(["hello <", { a: 1 }]);
    expect(bob.last("message").from).toEqual({ user: "alice", device: "x", kind: "xmpp" });
    bob.ask("send", { to: "alice", body: "\u0001 & <" });
    bob.ask("send", { to: "alice/x", body: { b: [2] } });
    world.pass();
    expect(bodies(alice)).toEqual(["\ufffd & <", '{"b":[2]}']);
    expect(alice.last("message")?.attributes).toMatchObject({
      from: "bob@example.org/phone",
      to: "alice@example.org/x",
      type: "chat",
    });
    expect(text(child(alice.last("message")!, "json", namespaces.json)!)).toBe('{"b":[2]}');
  });

  test("that can't be sent come back", () => {
    const world = new SimXmpp();
    world.grants.set("alice", { send: ["bob"] });
    const alice = world.client("alice");
    for (const [to, error] of [
      ["carol@example.org", "forbidden"],
      ["bob@example.com", "remote-server-not-found"],
      ["a\\3ab@example.org", "item-not-found"],
      ["a b", "jid-malformed"],
    ] as const) {
      alice.stanza("message", `to="${to}" id="7"`, "<body>x</body>");
      expect(alice.last("message")?.attributes).toMatchObject({ type: "error", id: "7", from: to });
      expect(condition(alice, "message")).toBe(error);
    }
  });

  test("are copied to the user's other clients that want that, and to nobody else", () => {
    const world = new SimXmpp();
    const [one, two, bob] = [world.client("alice", "one"), world.client("alice", "two"), world.client("bob")];
    two.stanza("iq", 'type="set" id="c"', `<enable xmlns="${namespaces.carbons}"/>`);
    one.stanza("message", 'to="bob@example.org"', "<body>sent</body>");
    bob.stanza("message", 'to="alice@example.org/one"', "<body>got</body>");
    const copies = two.all("message").map((copy) => {
      const way = elements(copy)[0]!;
      expect(copy.attributes.from).toBe("alice@example.org");
      const message = child(child(way, "forwarded", namespaces.forward)!, "message", "jabber:client")!;
      return [way.name, message.attributes.from, text(child(message, "body")!)];
    });
    expect(copies).toEqual([
      ["sent", "alice@example.org/one", "sent"],
      ["received", "bob@example.org/x", "got"],
    ]);
    expect(bodies(one)).toEqual(["got"]);
    // A forged copy is a message without a body.
    const forged = `<received xmlns="${namespaces.carbons}"><forwarded xmlns="${namespaces.forward}"><message xmlns="jabber:client" from="carol@example.org"><body>forged</body></message></forwarded></received>`;
    bob.stanza("message", 'to="alice@example.org/one"', forged);
    expect(one.all("message")).toHaveLength(1);
  });
});

describe("roster and presence", () => {
  test("the roster is whom the grant names; presence comes and goes", () => {
    const world = new SimXmpp();
    world.grants.set("alice", { watch: ["bob", "team-*", "alice"] });
    const alice = world
      .client("alice")
      .stanza("iq", 'type="get" id="r"', `<query xmlns="${namespaces.roster}"/>`);
    expect(serialize(elements(alice.last("iq")!)[0]!)).toBe(
      `<query xmlns="${namespaces.roster}"><item jid="bob@example.org" subscription="both"/></query>`,
    );
    const phone = world.sim.client("bob", "phone").connect();
    world.pass(1_000);
    expect(alice.last("presence")?.attributes).toEqual({
      from: "bob@example.org/phone",
      to: "alice@example.org/x",
    });
    phone.ask("status", { status: "dnd" });
    world.pass(1_000);
    expect(text(child(alice.last("presence")!, "show")!)).toBe("dnd");
    phone.drop(1_000);
    world.pass(60_000);
    expect(alice.last("presence")?.attributes.type).toBe("unavailable");
  });

  test("a subscription is answered at once, by the grant", () => {
    const world = new SimXmpp();
    world.grants.set("alice", { watch: ["bob"] });
    world.client("bob", "desk").stanza("presence", "", "<status>here</status>");
    const alice = world.client("alice");
    alice.stanza("presence", 'type="subscribe" to="carol@example.org"');
    expect(alice.last("presence")?.attributes).toMatchObject({
      type: "unsubscribed",
      from: "carol@example.org",
    });
    alice.stanza("presence", 'type="subscribe" to="bob@example.org"');
    world.pass(1_000);
    expect(alice.all("presence").map(({ attributes }) => attributes.type)).toContain("subscribed");
    const told = alice.all("presence").find(({ attributes }) => attributes.from === "bob@example.org/desk");
    expect(text(child(told!, "status")!)).toBe("here");
    alice.stanza(
      "iq",
      'type="set" id="rm"',
      `<query xmlns="${namespaces.roster}"><item jid="bob@example.org" subscription="remove"/></query>`,
    );
    const before = alice.all("presence").length;
    world.client("bob", "phone");
    world.pass(5_000);
    expect(alice.all("presence")).toHaveLength(before);
  });

  test("an inactive client is told of presence when it is active again, or gets a message", () => {
    const world = new SimXmpp();
    world.grants.set("alice", { watch: ["bob"], send: ["*"] });
    const alice = world.client("alice").say(`<inactive xmlns="${namespaces.csi}"/>`);
    const bob = world.client("bob", "desk");
    world.pass(5_000);
    bob.stanza("presence", "", "<status>busy</status>");
    world.pass(5_000);
    expect(alice.all("presence")).toHaveLength(0);
    alice.say(`<active xmlns="${namespaces.csi}"/>`);
    expect(alice.all("presence")).toHaveLength(1);
  });
});

describe("queries", () => {
  const ask = (stream: SimStream, payload: string, to = "", type = "get") =>
    stream.stanza("iq", `type="${type}" id="q" ${to === "" ? "" : `to="${to}"`}`, payload);

  test("are answered by the server, and refused where there is nothing", () => {
    const alice = new SimXmpp().client("alice");
    for (const payload of [`<ping xmlns="${namespaces.ping}"/>`, `<vCard xmlns="${namespaces.vcard}"/>`])
      expect(ask(alice, payload).last("iq")?.attributes.type).toBe("result");
    const info = (to: string) =>
      elements(ask(alice, `<query xmlns="${namespaces.discoInfo}"/>`, to).last("iq")!)[0]!;
    expect(child(info("example.org"), "identity")?.attributes).toMatchObject({
      category: "server",
      type: "im",
    });
    expect(child(info("bob@example.org/phone"), "identity")?.attributes).toMatchObject({
      category: "client",
    });
    expect(child(info("alice@example.org"), "identity")?.attributes).toMatchObject({ category: "account" });
    for (const [payload, to, type, error] of [
      ["<x xmlns='urn:x'/>", "", "get", "service-unavailable"],
      ["<x xmlns='urn:x'/>", "example.com", "get", "remote-server-not-found"],
      ["", "", "get", "bad-request"],
      ["<x xmlns='urn:x'/><y/>", "", "set", "bad-request"],
      [`<vCard xmlns="${namespaces.vcard}"/>`, "", "set", "not-allowed"],
    ] as const) {
      ask(alice, payload, to, type);
      expect(condition(alice, "iq")).toBe(error);
    }
  });

  test("over its rate they are refused, and those of others are not", () => {
    const world = new SimXmpp({ requestsPerSecond: 1, requestsBurst: 5 });
    const [alice, bob] = [world.client("alice"), world.client("bob")];
    for (let n = 0; n < 10; n++) ask(alice, `<ping xmlns="${namespaces.ping}"/>`);
    expect(condition(alice, "iq")).toBe("resource-constraint");
    expect(ask(bob, `<ping xmlns="${namespaces.ping}"/>`).last("iq")?.attributes.type).toBe("result");
  });
});

describe("stream management", () => {
  function managed(world: SimXmpp) {
    const stream = world.client("alice").say(`<enable ${sm} resume="true"/>`);
    return { stream, id: stream.last("enabled")?.attributes.id as string };
  }

  test("what was not acknowledged is sent again to the client that resumes", () => {
    const world = new SimXmpp();
    const { stream, id } = managed(world);
    const bob = world.sim.client("bob", "phone").connect();
    const heard = stream.heard.length;
    bob.ask("send", { to: "alice", body: "one" });
    world.pass();
    expect(stream.heard.length).toBe(heard + 1);
    stream.drop();
    bob.ask("send", { to: "alice", body: "two" });
    world.pass(10_000);
    const again = world.connect().signIn("alice").say(`<resume ${sm} previd="${id}" h="0"/>`);
    expect(again.last("resumed")?.attributes).toEqual({ previd: id, h: "0" });
    expect(bodies(again)).toEqual(["one", "two"]);
    again.say(`<a ${sm} h="2"/>`).say(`<r ${sm}/>`);
    expect(again.last("a")?.attributes.h).toBe("0");
    again.stanza("message", 'to="bob@example.org"', "<body>back</body>").say(`<r ${sm}/>`);
    expect(again.last("a")?.attributes.h).toBe("1");
    expect(bob.last("message").body).toBe("back");
    const third = world.connect().signIn("alice").say(`<resume ${sm} previd="${id}" h="2"/>`);
    expect(bodies(third)).toEqual([]);
    expect([again.inside("error"), again.open]).toEqual(["conflict", false]);
  });

  test("not another's stream, not one that is over, and not more than was sent", () => {
    const world = new SimXmpp();
    const { stream, id } = managed(world);
    stream.drop();
    const bob = world.connect().signIn("bob").say(`<resume ${sm} previd="${id}" h="0"/>`);
    expect(bob.inside("failed")).toBe("item-not-found");
    const much = world.connect().signIn("alice").say(`<resume ${sm} previd="${id}" h="9"/>`);
    expect([much.inside("error"), much.open]).toEqual(["undefined-condition", false]);
    world.pass(301_000);
    expect(world.agent.clients.size).toBe(0);
    const late = world.connect().signIn("alice").say(`<resume ${sm} previd="${id}" h="0"/>`);
    expect(late.inside("failed")).toBe("item-not-found");
    const over = managed(world);
    over.stream.say(`<close xmlns="${namespaces.framing}"/>`);
    const gone = world.connect().signIn("alice").say(`<resume ${sm} previd="${over.id}" h="0"/>`);
    expect(gone.inside("failed")).toBe("item-not-found");
  });

  test("acknowledging too much ends the stream; so does never acknowledging", () => {
    const world = new SimXmpp({ unackedStanzas: 20 });
    const { stream } = managed(world);
    stream.say(`<a ${sm} h="5"/>`);
    expect([stream.inside("error"), stream.open]).toEqual(["undefined-condition", false]);
    const mute = managed(world);
    const bob = world.sim.client("bob", "phone").connect();
    for (let n = 0; n < 30; n++) bob.ask("send", { to: "alice/x", body: n });
    world.pass();
    expect(mute.stream.open).toBe(false);
    expect(mute.stream.all("r").length).toBeGreaterThan(1);
  });
});

test("a user who is kicked is disconnected", () => {
  const world = new SimXmpp();
  const alice = world.client("alice");
  world.sim.core.kick("alice", undefined, world.sim.now);
  world.pass();
  expect([alice.open, world.agent.clients.size]).toEqual([false, 0]);
});
