import { JingleClient } from "../../src/gateways/xmpp/jingle/client.ts";
import { toContents, toDescription } from "../../src/gateways/xmpp/jingle/description.ts";
import { namespaces } from "../../src/gateways/xmpp/jingle/namespaces.ts";
import { jingleCapabilities } from "../../src/gateways/xmpp/jingle/ports.ts";
import { reasonIn } from "../../src/gateways/xmpp/jingle/reasons.ts";
import {
  child,
  clientNs,
  element,
  elements,
  serialize,
  type XmlElement,
} from "../../src/gateways/xmpp/xml.ts";
import { parseXml, stanzaLimits } from "../../src/gateways/xmpp/xml-parser.ts";
import type { PushBody } from "../../src/protocol/pushes.ts";
import type { Request } from "../../src/protocol/requests.ts";
import type { Device, DeviceLink, Outcome } from "../../src/signaling/device.ts";
import type { GatewayPort } from "../../src/signaling/gateway-port.ts";
import { formatDescription, parseDescription } from "../../src/wire/sdp/description.ts";
import { SimCore } from "./sim-core.ts";

const domain = "call.example";
const grants = { call: ["*"], send: ["*"], watch: ["*"] };

/** A core with Jingle clients, whose stanzas a test says and hears, under one simulated clock. */
export class SimJingle {
  readonly sim = new SimCore();
  readonly port: GatewayPort = this.sim.core.gateway({ name: "xmpp", asksOffers: true });

  client(user: string, resource: string, more: SimJingleOptions = {}): SimJingleClient {
    return new SimJingleClient(this, user, resource, more);
  }
}

export interface SimJingleOptions {
  readonly messageInitiation?: boolean;
  readonly dataChannels?: boolean;
  readonly mostSessions?: number;
  /** An account of another server: several resources are behind one device. */
  readonly account?: boolean;
}

/** A client of XMPP that says what a test wants. It answers each IQ with a result, unless the test does. */
export class SimJingleClient implements DeviceLink {
  readonly id: string;
  readonly user: string;
  readonly jid: string;
  state: "live" | "suspended" | "closed" = "live";
  readonly heard: XmlElement[] = [];
  readonly jingle: JingleClient;
  /** What it answers to IQs: a result, or this. */
  answers: (iq: XmlElement) => XmlElement | undefined = (iq) =>
    element("iq", clientNs, {
      type: "result",
      id: iq.attributes.id,
      from: iq.attributes.to,
      to: iq.attributes.from,
    });
  readonly #world: SimJingle;
  readonly device: Device;
  #asked = 0;
  #sent = 0;
  readonly #waiting = new Map<number, (outcome: Outcome, now: number) => void>();

  constructor(world: SimJingle, user: string, resource: string, more: SimJingleOptions) {
    this.#world = world;
    this.user = user;
    this.id = `link-${user}-${resource}`;
    this.jid = more.account === true ? `${user}@other.example` : `${user}@${domain}/${resource}`;
    const { messageInitiation = false, dataChannels = true, mostSessions = 8 } = more;
    const { sim, port } = world;
    this.jingle = new JingleClient(
      {
        random: (bytes) => port.ports.random(bytes),
        after: (ms, now, due) => port.deadlines.add(now + ms, due),
        ask: (type, fields, now, done) => {
          this.#asked += 1;
          const id = this.#asked;
          if (done !== undefined) this.#waiting.set(id, done);
          const outcome = port.perform(this.device, { ...fields, id, type } as unknown as Request, now);
          if (outcome === undefined) return;
          this.#waiting.delete(id);
          done?.(outcome, now);
        },
        send: (stanza) => this.#hear(stanza),
        words: () => ({ said: () => {}, begun: () => {} }),
      },
      {
        jid: this.jid,
        jidOf: (whom, device) => `${whom}@${domain}/${device ?? "any"}`,
        addressOf: (jid) => {
          const [, local = "", at, at2] = /^([^@/]+)@([^/]+)(?:\/(.+))?$/.exec(jid) ?? [];
          if (at !== domain) return undefined;
          return at2 === undefined || at2 === "any" ? local : `${local}/${at2}`;
        },
        messageInitiation,
        dataChannels,
        mostSessions,
      },
    );
    const attached = port.attach(
      {
        user,
        id: resource,
        kind: "xmpp",
        name: undefined,
        capabilities: jingleCapabilities({ messageInitiation }),
        link: this,
        grants,
      },
      sim.now,
    );
    if (!attached.ok) throw new Error(attached.error.code);
    this.device = attached.value;
    sim.pass(0);
  }

  #hear(stanza: XmlElement): void {
    // Over the wire.
    const parsed = parseXml(serialize(stanza), stanzaLimits);
    if (!parsed.ok) throw new Error(parsed.error.reason);
    this.heard.push(parsed.value);
    if (stanza.name !== "iq" || stanza.attributes.type !== "set") return;
    this.#world.port.deadlines.add(this.#world.sim.now, (now) => {
      const answer = this.answers(parsed.value);
      if (answer !== undefined) this.jingle.replied(answer, now);
    });
  }

  deliver(push: PushBody, now: number): void {
    this.#world.port.deadlines.add(now, (later) => {
      this.jingle.push(push, later);
    });
  }

  reply(id: number, outcome: Outcome, now: number): void {
    this.#world.port.deadlines.add(now, (later) => {
      const done = this.#waiting.get(id);
      this.#waiting.delete(id);
      done?.(outcome, later);
    });
  }

  close(): void {
    this.state = "closed";
  }

  /** Says an action of a session; answers what came back: `result`, or the condition of the error and XEP-0166's own. */
  say(
    action: string,
    { sid, to, from = this.jid }: { sid: string; to: string; from?: string },
    ...children: XmlElement[]
  ): string {
    this.#sent += 1;
    const id = `q${this.#sent}`;
    const jingle = element("jingle", namespaces.jingle, { action, sid }, ...children);
    this.raw(element("iq", clientNs, { type: "set", id, from, to }, jingle));
    const reply = this.heard.find((one) => one.attributes.id === id && one.attributes.type !== "set");
    const error = reply === undefined ? undefined : child(reply, "error");
    if (error === undefined) return reply?.attributes.type ?? "nothing";
    return elements(error)
      .map(({ name }) => name)
      .join(" ");
  }

  raw(iq: XmlElement): void {
    this.jingle.request(iq, this.#world.sim.now);
    this.#world.sim.pass(0);
  }

  /** Says a message of XEP-0353. */
  tell(kind: string, id: string, to: string, { from = this.jid, within = [] as XmlElement[] } = {}): void {
    const message = element(
      "message",
      clientNs,
      { from, to, type: "chat" },
      element(kind, namespaces.message, { id }, ...within),
    );
    this.jingle.message(message, this.#world.sim.now);
    this.#world.sim.pass(0);
  }

  /** The actions that it was told, with the reason where there is one. */
  get told(): string[] {
    return this.heard.flatMap((stanza) => {
      const jingle = child(stanza, "jingle", namespaces.jingle);
      const message = elements(stanza).find(({ ns }) => ns === namespaces.message);
      const what = jingle ?? message;
      if (what === undefined) return [];
      const { condition } = reasonIn(what);
      const name = jingle?.attributes.action ?? message?.name ?? "";
      return [condition === undefined ? name : `${name} ${condition}`];
    });
  }

  /** The last stanza with that action, or of that kind. */
  last(name: string): { readonly stanza: XmlElement; readonly what: XmlElement } {
    for (const stanza of this.heard.toReversed())
      for (const what of elements(stanza))
        if (what.attributes.action === name || (what.ns === namespaces.message && what.name === name))
          return { stanza, what };
    throw new Error(`${name} was not heard: ${this.told.join(", ")}`);
  }

  /** The SDP that the client was given. */
  description(action: string, author: "initiator" | "responder", offer?: string): string {
    const made = toDescription(this.last(action).what, {
      author,
      sessionId: "1",
      version: 1,
      offer: offer === undefined ? undefined : parseDescription(offer),
    });
    if (!made.ok) throw new Error(made.error.text);
    return formatDescription(made.value);
  }
}

/** The contents for an SDP. */
export function contentsOf(sdp: string, author: "initiator" | "responder"): XmlElement[] {
  const parsed = parseDescription(sdp);
  if (parsed === undefined) throw new Error("no SDP");
  return toContents(parsed, author, { bareParameters: "name", dataChannels: true });
}
