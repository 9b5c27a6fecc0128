import { expect, test } from "bun:test";
import { namespaces } from "../../src/gateways/xmpp/namespaces.ts";
import { child, serialize, text, type XmlElement } from "../../src/gateways/xmpp/xml.ts";
import { parseXml, signInLimits, stanzaLimits, XmlStream } from "../../src/gateways/xmpp/xml-parser.ts";
import { type SimStream, SimXmpp } from "../support/sim-xmpp.ts";
import { mutatedText } from "./mutation.ts";
import type { Random } from "./random.ts";
import { chance, fuzzRounds, heapMegabytes, rounds } from "./target.ts";

const inputs = fuzzRounds(2_000);
/** What clients say in one world. */
const sayings = 200;
const worlds = fuzzRounds(10, sayings);
/** What is done in one history of the model. */
const steps = 120;
const histories = fuzzRounds(40, steps);

const framing = `xmlns="${namespaces.framing}"`;
const sasl = `xmlns="${namespaces.sasl}"`;
const sm = `xmlns="${namespaces.sm}"`;
const client = 'xmlns="jabber:client"';
const base64 = (of: string) => Buffer.from(of).toString("base64");

/** Elements of a stream as they may be, and as they may not. */
const elements = [
  `<open ${framing} to="example.org" version="1.0"/>`,
  `<close ${framing}/>`,
  `<auth ${sasl} mechanism="PLAIN">${base64("\0alice\0secret-of-alice")}</auth>`,
  `<auth ${sasl} mechanism="SCRAM-SHA-256">${base64("n,,n=alice,r=abc")}</auth>`,
  `<response ${sasl}>${base64("c=biws,r=abc,p=AAAA")}</response>`,
  `<abort ${sasl}/>`,
  `<iq ${client} type="set" id="b"><bind xmlns="${namespaces.bind}"><resource>x</resource></bind></iq>`,
  `<enable ${sm} resume="true"/>`,
  `<resume ${sm} previd="x" h="0"/>`,
  `<r ${sm}/>`,
  `<a ${sm} h="3"/>`,
  `<active xmlns="${namespaces.csi}"/>`,
  `<presence ${client}/>`,
  `<presence ${client} type="subscribe" to="bob@example.org"/>`,
  `<message ${client} to="bob@example.org" id="1"><body>h&#xe9;llo &amp; &lt;</body></message>`,
  `<message ${client} to="bob@example.org"><json xmlns="${namespaces.json}">{"a":[1]}</json></message>`,
  `<message ${client} to="bob@example.org" from="carol@example.org"><body>x</body></message>`,
  `<iq ${client} type="get" id="1" to="example.org"><query xmlns="${namespaces.discoInfo}"/></iq>`,
  `<iq ${client} type="set" id="2"><query xmlns="${namespaces.roster}"><item jid="bob@example.org"/></query></iq>`,
  `<iq ${client} type="result" id="q1"/>`,
];
const poison = [
  "<!DOCTYPE a>",
  '<!ENTITY e "x">',
  "<?pi?>",
  "<!-- c -->",
  "&e;",
  "&#0;",
  "&#xFFFF;",
  "<![CDATA[x]]>",
  "]]>",
  "<a/>",
  "</a>",
  "<p:a/>",
  'a="1" a="1"',
  ' xmlns:p="urn:p" p:a="1"',
  ' xmlns:xml="urn:x"',
  'xmlns=""',
  "\u0000",
  "\ud800",
  "<a>".repeat(40),
  "x".repeat(20_000),
];

/** A stream element, whole or broken, as it comes out of UTF-8. */
function input(random: Random): string {
  const whole = random.pick(elements);
  if (random.chance(0.4)) return whole;
  const at = random.int(0, whole.length);
  const broken = random.chance(0.4)
    ? mutatedText(random, whole)
    : whole.slice(0, at) + random.pick(poison) + whole.slice(at);
  return Buffer.from(broken).toString();
}

test("any text is an element or a fault, the same whole and in pieces, and what is written is read again", () => {
  const random = chance(1);
  let read = 0;
  for (const _ of rounds(inputs)) {
    const given = input(random);
    const limits = random.pick([signInLimits, stanzaLimits]);
    const whole = parseXml(given, limits);
    if (whole.ok) {
      read += 1;
      const again = parseXml(serialize(whole.value), stanzaLimits);
      expect(again).toEqual(whole);
    } else expect(whole.error.reason.length).toBeLessThan(300);
    // The same as the child of a stream's root. What ends that root is its own affair.
    const [got, fault] = streamed(random, given, limits);
    expect(got.length).toBeLessThanOrEqual(given.length);
    if (whole.ok && fault === undefined && got.length === 1) expect(got[0]).toEqual(whole.value);
    if (whole.ok) expect([fault, got.length]).toEqual([undefined, 1]);
  }
  expect(read).toBeGreaterThan(inputs / 10);
});

function streamed(random: Random, given: string, limits: typeof stanzaLimits) {
  const got: XmlElement[] = [];
  const stream = new XmlStream(limits, {
    opened: () => {},
    element: (one) => got.push(one),
    ended: () => {},
  });
  let fault = stream.write("<root>");
  for (let at = 0; at < given.length && fault === undefined; ) {
    const next = at + random.int(1, 60);
    fault = stream.write(given.slice(at, next));
    at = next;
  }
  return [got, fault] as const;
}

test("whatever a client says, its stream answers or ends, and nothing of it stays", () => {
  const random = chance(2);
  for (const _ of rounds(worlds, sayings)) {
    const world = new SimXmpp({ contacts: 20 });
    const bob = world.client("bob");
    let stream = world.connect();
    for (let k = 0; k < sayings; k++) {
      if (!stream.open) stream = random.chance(0.5) ? world.connect().hello() : world.client("alice");
      stream.say(input(random));
      if (random.chance(0.02)) stream.drop();
      if (random.chance(0.02)) world.pass(random.int(0, 20_000));
    }
    expect(bob.open).toBe(true);
    for (const { attributes } of bob.heard)
      if (attributes.from !== undefined) expect(attributes.from).not.toStartWith("carol@");
    stream.drop();
    bob.drop();
    world.pass(400_000);
    expect([world.agent.clients.size, world.agent.calls, world.sim.core.stats().devices]).toEqual([0, 0, 0]);
  }
});

test("a megabyte before sign-in is refused at once, and a thousand times over nothing grows", () => {
  const large = `<auth ${sasl} mechanism="PLAIN">${"x".repeat(1_048_576)}</auth>`;
  const world = new SimXmpp();
  const round = () => {
    for (let n = 0; n < 200; n++) {
      const stream = world.connect().hello().say(large);
      expect([stream.inside("error"), stream.open]).toEqual(["policy-violation", false]);
    }
    return heapMegabytes();
  };
  const first = round();
  for (let n = 0; n < 3; n++) round();
  expect(round() - first).toBeLessThan(4);
});

/** A client that resumes its stream, and counts what it has handled as XEP-0198 says. */
class Resuming {
  readonly user: string;
  /** Texts of the messages that it has handled. */
  readonly got: string[] = [];
  readonly #world: SimXmpp;
  #stream: SimStream;
  #previd: string;
  /** Stanzas handled since the stream is managed, and where in what the socket brought the unhandled ones begin. */
  #handled = 0;
  #at: number;

  constructor(world: SimXmpp, user: string) {
    this.#world = world;
    this.user = user;
    this.#stream = world.client(user, "x").say(`<enable ${sm} resume="true"/>`);
    this.#previd = this.#stream.last("enabled")?.attributes.id ?? "";
    this.#at = this.#stream.heard.length;
  }

  get open(): boolean {
    return this.#stream.open;
  }

  say(to: string, body: string): void {
    this.#stream.stanza("message", `to="${to}@example.org" type="chat"`, `<body>${body}</body>`);
  }

  /** Handles up to this many stanzas of those that came. */
  handle(most: number): void {
    for (let n = 0; n < most && this.#at < this.#stream.heard.length; n++) {
      const one = this.#stream.heard[this.#at++];
      if (one?.ns !== "jabber:client") continue;
      this.#handled += 1;
      const body = one.name === "message" && one.attributes.type !== "error" ? child(one, "body") : undefined;
      if (body !== undefined) this.got.push(text(body));
    }
  }

  acknowledge(): void {
    this.#stream.say(`<a ${sm} h="${this.#handled}"/>`);
  }

  /** The socket breaks, and what was not handled with it. */
  drop(): void {
    this.#stream.drop();
  }

  resume(): void {
    this.#stream = this.#world.connect().signIn(this.user);
    const at = this.#stream.heard.length;
    this.#stream.say(`<resume ${sm} previd="${this.#previd}" h="${this.#handled}"/>`);
    expect(this.#stream.heard[at]?.name).toBe("resumed");
    this.#at = at + 1;
  }
}

test("a model: what is said arrives once and in order, however often sockets break", () => {
  let resumed = 0;
  for (const number of rounds(histories, steps)) {
    const random = chance(number);
    const world = new SimXmpp();
    const clients = ["alice", "bob", "carol"].map((user) => new Resuming(world, user));
    const nora = world.sim.client("nora", "phone").connect();
    /** By who hears: what it must have heard in the end, by who said it. */
    const said = new Map<string, Map<string, string[]>>();
    const says = (from: string, to: string, how: (body: string) => void, n: number) => {
      const body = `${from}-${n}`;
      how(body);
      const heard = said.get(to) ?? new Map<string, string[]>();
      heard.set(from, [...(heard.get(from) ?? []), body]);
      said.set(to, heard);
    };
    for (let step = 0; step < steps; step++) {
      const one = random.pick(clients);
      const to = random.pick(["alice", "bob", "carol", "nora"].filter((user) => user !== one.user));
      const act = one.open ? random.int(0, 9) : -1;
      if (act < 0 && random.chance(0.4)) {
        one.resume();
        resumed += 1;
      }
      if (act >= 0 && act < 4) says(one.user, to, (body) => one.say(to, body), step);
      if (act === 4 || act === 5) one.handle(random.int(1, 5));
      if (act === 6) one.acknowledge();
      if (act === 7) one.drop();
      if (act > 7 && to !== "nora") says("nora", to, (body) => nora.ask("send", { to, body }), step);
      if (random.chance(0.05)) world.pass(random.int(0, 20_000));
    }
    for (const one of clients) {
      if (!one.open) one.resume();
      world.pass();
      one.handle(Number.POSITIVE_INFINITY);
    }
    const heard = new Map(clients.map(({ user, got }) => [user, got]));
    heard.set(
      "nora",
      nora.pushes("message").map(({ body }) => body as string),
    );
    for (const [to, bySender] of said)
      for (const [from, bodies] of bySender)
        expect([to, (heard.get(to) ?? []).filter((body) => body.startsWith(`${from}-`))]).toEqual([
          to,
          bodies,
        ]);
    for (const one of clients) one.drop();
    nora.drop(1_000);
    world.pass(900_000);
    expect([world.agent.clients.size, world.sim.core.stats().devices]).toEqual([0, 0]);
  }
  expect(resumed).toBeGreaterThan(histories);
});
