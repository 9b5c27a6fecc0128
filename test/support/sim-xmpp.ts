import { XmppAgent } from "../../src/gateways/xmpp/agent.ts";
import { capsOf } from "../../src/gateways/xmpp/disco.ts";
import { defaultXmppLimits, mechanisms, type XmppLimits } from "../../src/gateways/xmpp/settings.ts";
import { element, type XmlElement } from "../../src/gateways/xmpp/xml.ts";
import { parseXml, stanzaLimits } from "../../src/gateways/xmpp/xml-parser.ts";
import type { Flow, XmppContext } from "../../src/gateways/xmpp/xmpp-context.ts";
import { saslCrypto } from "../../src/net/sasl-crypto.ts";
import { SimCore } from "./sim-core.ts";

const everything = { call: ["*"], send: ["*"], watch: ["*"] };

/** A core with the XMPP gateway's pure part, under one simulated clock. Secrets are `secret-of-alice`, tokens those of the core. */
export class SimXmpp {
  readonly sim = new SimCore();
  readonly agent: XmppAgent;
  readonly context: XmppContext;
  /** What users may do, where that is not everything. */
  readonly grants = new Map<string, Record<string, string[]>>();

  constructor(limits: Partial<XmppLimits> = {}, domain = "") {
    const core = this.sim.core.gateway({ name: "xmpp", asksOffers: true });
    this.context = {
      core,
      settings: {
        enabled: true,
        domain,
        sasl: [],
        component: { server: "", domain: "", secret: "", domains: [], users: [], grants: [] },
        limits: { ...defaultXmppLimits, ...limits },
      },
      crypto: saslCrypto,
      saltKey: new Uint8Array(32),
      mechanisms,
      caps: capsOf(saslCrypto),
      version: "1.2.3",
      dateTime: (at) => new Date(at).toISOString(),
      after: (ms, now, due) => core.deadlines.add(now + ms, due),
      identify: (login, now) => {
        const [user = "", device] = login.split("/");
        return {
          identity: {
            user,
            ...(device === undefined ? {} : { device }),
            grants: this.grants.get(user) ?? everything,
            expires: now + 86_400_000,
            issuedAt: now,
            undated: true,
          },
          scram: () => undefined,
          matches: (secret) => secret === `secret-of-${login.replace("/", "-")}`,
        };
      },
    };
    this.agent = new XmppAgent(this.context);
  }

  /** A connection that has said nothing. */
  connect(): SimStream {
    return new SimStream(this);
  }

  /** A client that has signed in and bound this resource. */
  client(user: string, resource = "x", presence = true): SimStream {
    const stream = this.connect().signIn(user);
    stream.say(
      `<iq xmlns="jabber:client" type="set" id="b"><bind xmlns="urn:ietf:params:xml:ns:xmpp-bind"><resource>${resource}</resource></bind></iq>`,
    );
    if (presence) stream.say('<presence xmlns="jabber:client"/>');
    return stream;
  }

  pass(ms = 0): void {
    this.sim.pass(ms);
  }
}

/** A socket of a client that says what a test wants, and keeps what it hears. */
export class SimStream implements Flow {
  readonly address = "127.0.0.1";
  readonly heard: XmlElement[] = [];
  readonly #world: SimXmpp;
  open = true;
  why: string | undefined;

  constructor(world: SimXmpp) {
    this.#world = world;
    world.agent.opened(this, world.sim.now);
  }

  send(text: string): void {
    if (!this.open) return;
    const parsed = parseXml(text, stanzaLimits);
    if (!parsed.ok) throw new Error(`the gateway sent ${text}: ${parsed.error.reason}`);
    this.heard.push(parsed.value);
  }

  close(reason: string): void {
    if (!this.open) return;
    this.open = false;
    this.why = reason;
    this.#world.agent.closed(this, this.#world.sim.now);
  }

  /** The socket breaks. */
  drop(): void {
    this.close("dropped");
    this.#world.pass();
  }

  say(text: string): this {
    if (this.open) this.#world.agent.received(text, this, this.#world.sim.now);
    this.#world.pass();
    return this;
  }

  /** Says it as part of a stanza's text, with the client's namespace. */
  stanza(name: string, attributes: string, inner = ""): this {
    return this.say(`<${name} xmlns="jabber:client" ${attributes}>${inner}</${name}>`);
  }

  hello(to = "example.org"): this {
    return this.say(`<open xmlns="urn:ietf:params:xml:ns:xmpp-framing" to="${to}" version="1.0"/>`);
  }

  plain(user: string, password = `secret-of-${user.replace("/", "-")}`): this {
    const initial = Buffer.from(`\0${user}\0${password}`).toString("base64");
    return this.say(`<auth xmlns="urn:ietf:params:xml:ns:xmpp-sasl" mechanism="PLAIN">${initial}</auth>`);
  }

  signIn(user: string): this {
    return this.hello().plain(user).hello();
  }

  /** The last element of that name. */
  last(name: string): XmlElement | undefined {
    return this.heard.findLast((one) => one.name === name);
  }

  all(name: string): XmlElement[] {
    return this.heard.filter((one) => one.name === name);
  }

  /** The name of the first element inside, such as the condition of an error. */
  inside(name: string): string | undefined {
    const first = (this.last(name) ?? element("none", "")).children[0];
    return typeof first === "object" ? first.name : undefined;
  }
}
