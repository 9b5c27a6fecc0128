import type { Result } from "../../shared/result.ts";
import type { Identity } from "../../signaling/ports.ts";
import type { GatewayTraffic } from "../gateway-traffic.ts";
import type { ClientOutlet, XmppClient } from "./client.ts";
import { parseJid } from "./jid.ts";
import { namespaces } from "./namespaces.ts";
import { type SaslOutcome, SignIn } from "./sign-in.ts";
import { iqResult, payloadOf, type StanzaCondition, stanzaError } from "./stanza.ts";
import { parseCount, StreamManagement } from "./stream-management.ts";
import { child, clientNs, element, serialize, streamNs, text, type XmlElement } from "./xml.ts";
import { parseXml, signInLimits, stanzaLimits } from "./xml-parser.ts";
import type { Flow, XmppContext } from "./xmpp-context.ts";

/** Whom a stream has proven to be, and the domain that it is for. */
export interface StreamIdentity {
  readonly identity: Identity;
  readonly domain: string;
}

/** What a stream tells the gateway. */
export interface StreamUser {
  /** The client binds a resource; without a wish it gets one. */
  bind(
    who: StreamIdentity,
    resource: string | undefined,
    outlet: ClientOutlet,
    now: number,
  ): Result<XmppClient, StanzaCondition>;
  /** The client that may resume the stream of that id; undefined when there is none of this identity. */
  resumable(who: StreamIdentity, id: string): XmppClient | undefined;
  /** The client is back, by another stream. */
  resumed(client: XmppClient, outlet: ClientOutlet, who: StreamIdentity, now: number): void;
  /** The stream can be resumed by this id from now on. */
  keep(client: XmppClient, id: string): void;
  /** A stanza of a client whose resource is bound. */
  stanza(client: XmppClient, stanza: XmlElement, now: number): void;
  /** The client leaves for good, as it says. */
  left(client: XmppClient, now: number): void;
}

/** Sign-ins that may fail before the stream is closed. */
const mostFailures = 3;

/**
 * One client's stream by WebSocket (RFC 7395): opening, sign-in, and what follows for each element. Before somebody has signed in nothing
 * is done for it, and its elements are small.
 */
export class ClientStream implements ClientOutlet {
  readonly #context: XmppContext;
  readonly #user: StreamUser;
  readonly #traffic: GatewayTraffic<Flow>;
  readonly #flow: Flow;
  readonly #signIn: SignIn;
  #domain = "";
  #opened = false;
  #failures = 0;
  /** The port is asked who this is. */
  #proving = false;
  #who: StreamIdentity | undefined;
  #client: XmppClient | undefined;

  constructor(context: XmppContext, user: StreamUser, traffic: GatewayTraffic<Flow>, flow: Flow) {
    this.#context = context;
    this.#user = user;
    this.#traffic = traffic;
    this.#flow = flow;
    this.#signIn = new SignIn(context, traffic, flow);
  }

  /** The client of this stream, once it has bound a resource. */
  get client(): XmppClient | undefined {
    return this.#client;
  }

  /** One message: one element. */
  receive(input: string, now: number): void {
    const parsed = parseXml(input, this.#who === undefined ? signInLimits : stanzaLimits);
    if (!parsed.ok) {
      this.#traffic.count("malformed");
      this.#fault(parsed.error.condition, now, parsed.error.reason);
      return;
    }
    this.#traffic.count("taken");
    const of = parsed.value;
    if (of.ns === namespaces.framing) this.#framing(of, now);
    else if (!this.#opened) this.#fault("invalid-namespace", now, "the first element is open (RFC 7395)");
    else if (of.ns === namespaces.sasl) this.#sasl(of, now);
    else if (this.#who === undefined) this.#fault("not-authorized", now);
    else if (of.ns === namespaces.sm) this.#management(of, this.#who, now);
    else if (of.ns === namespaces.csi) this.#client?.inactive(of.name === "inactive", now);
    else if (of.ns !== clientNs) this.#fault("unsupported-stanza-type", now);
    else if (this.#client === undefined) this.#unbound(of, this.#who, now);
    else this.#stanza(this.#client, of, now);
  }

  /** Whoever has not bound a resource by now has had time. */
  late(now: number): void {
    if (this.#client === undefined) this.#fault("connection-timeout", now);
  }

  // ClientOutlet

  write(text: string): void {
    this.#flow.send(text);
  }

  fail(condition: string, now: number): void {
    this.#fault(condition, now);
  }

  /** The server ends the stream; nothing more is said of the client. */
  #fault(condition: string, _now: number, words?: string): void {
    const error = element(
      "error",
      streamNs,
      {},
      element(condition, namespaces.streamErrors),
      words === undefined ? undefined : element("text", namespaces.streamErrors, { "xml:lang": "en" }, words),
    );
    if (!this.#opened) this.#open();
    this.#send(error);
    this.#send(element("close", namespaces.framing));
    this.#flow.close(condition);
  }

  #send(of: XmlElement): void {
    this.#flow.send(serialize(of));
  }

  // RFC 7395 §3.4 and §3.6

  #framing(of: XmlElement, now: number): void {
    if (of.name === "close") {
      if (!this.#opened) this.#open();
      this.#send(element("close", namespaces.framing));
      const client = this.#client;
      if (client !== undefined) this.#user.left(client, now);
      this.#flow.close("closed");
      return;
    }
    const { to = "", version = "" } = of.attributes;
    const { domain } = this.#context.settings;
    const asked = parseJid(to);
    const isDomain = asked !== undefined && asked.local === "" && asked.resource === "";
    if (of.name !== "open") this.#fault("unsupported-stanza-type", now);
    else if (!isDomain || (domain !== "" && asked.domain !== domain)) this.#fault("host-unknown", now);
    else if (!/^1\.\d+$/.test(version)) this.#fault("unsupported-version", now);
    else if (
      this.#client !== undefined ||
      this.#proving ||
      (this.#who !== undefined && asked.domain !== this.#domain)
    )
      this.#fault("policy-violation", now, "the stream is open");
    else {
      this.#domain = asked.domain;
      this.#open();
      this.#send(element("features", streamNs, {}, ...this.#features()));
    }
  }

  #open(): void {
    this.#opened = true;
    const { domain } = this.#context.settings;
    const from = this.#domain || domain || undefined;
    const id = this.#context.core.ports.random(12);
    this.#send(element("open", namespaces.framing, { from, id, version: "1.0", "xml:lang": "en" }));
  }

  #features(): XmlElement[] {
    if (this.#who === undefined) {
      const names = this.#context.mechanisms.map((one) => element("mechanism", namespaces.sasl, {}, one));
      return [element("mechanisms", namespaces.sasl, {}, ...names)];
    }
    return [
      element("bind", namespaces.bind),
      element("session", namespaces.session, {}, element("optional", namespaces.session)),
      element("sm", namespaces.sm),
      element("csi", namespaces.csi),
      this.#context.caps,
    ];
  }

  // RFC 6120 §6

  #sasl(of: XmlElement, now: number): void {
    const { crypto } = this.#context;
    if (this.#who !== undefined || this.#proving) {
      this.#fault("policy-violation", now, "sign-in is done once");
      return;
    }
    if (of.name === "abort") {
      this.#signIn.abort();
      this.#refuse("aborted", now);
      return;
    }
    const written = text(of).trim();
    const bytes = written === "" || written === "=" ? new Uint8Array() : crypto.fromBase64(written);
    const given = bytes === undefined ? undefined : crypto.fromUtf8(bytes);
    if (given === undefined) {
      this.#refuse("incorrect-encoding", now);
      return;
    }
    this.#proving = true;
    const done = (outcome: SaslOutcome, later: number): void => {
      this.#proving = false;
      this.#proven(outcome, later);
    };
    if (of.name === "auth") this.#signIn.begin(of.attributes.mechanism ?? "", given, now, done);
    else if (of.name === "response") this.#signIn.answer(given, now, done);
    else done({ failure: "malformed-request" }, now);
  }

  #proven(outcome: SaslOutcome, now: number): void {
    const { toBase64 } = this.#context.crypto;
    if ("failure" in outcome) this.#refuse(outcome.failure, now);
    else if ("challenge" in outcome)
      this.#send(element("challenge", namespaces.sasl, {}, toBase64(outcome.challenge)));
    else {
      this.#who = { identity: outcome.identity, domain: this.#domain };
      const data = outcome.data === undefined ? undefined : toBase64(outcome.data);
      this.#send(element("success", namespaces.sasl, {}, data));
    }
  }

  #refuse(failure: string, now: number): void {
    this.#failures += 1;
    this.#send(element("failure", namespaces.sasl, {}, element(failure, namespaces.sasl)));
    if (this.#failures >= mostFailures) this.#fault("policy-violation", now, "sign-in failed too often");
  }

  // RFC 6120 §7

  #unbound(stanza: XmlElement, who: StreamIdentity, now: number): void {
    const payload = payloadOf(stanza);
    const isBind =
      stanza.name === "iq" &&
      stanza.attributes.type === "set" &&
      payload?.name === "bind" &&
      payload.ns === namespaces.bind;
    if (!isBind) {
      this.#fault("not-authorized", now, "bind a resource first");
      return;
    }
    const wanted = child(payload, "resource");
    const bound = this.#user.bind(who, wanted === undefined ? undefined : text(wanted), this, now);
    if (!bound.ok) {
      this.#send(stanzaError(stanza, bound.error));
      return;
    }
    const client = bound.value;
    this.#client = client;
    const jid = element("jid", namespaces.bind, {}, client.jid);
    this.#send(iqResult(stanza, element("bind", namespaces.bind, {}, jid)));
  }

  #stanza(client: XmppClient, stanza: XmlElement, now: number): void {
    const { from } = stanza.attributes;
    if (!["iq", "message", "presence"].includes(stanza.name)) {
      this.#fault("unsupported-stanza-type", now);
      return;
    }
    // Nobody speaks for somebody else (RFC 6120 §4.9.3.9).
    if (from !== undefined && !isOneOf(from, client)) {
      this.#fault("invalid-from", now);
      return;
    }
    client.management?.count();
    const wait = this.#traffic.overRate(this.#flow, now);
    if (wait !== undefined) {
      this.#traffic.count("limited");
      const { type } = stanza.attributes;
      if (type !== "error" && type !== "result" && stanza.name !== "presence")
        client.send(stanzaError(stanza, "resource-constraint", `try again in ${wait} s`), now);
      return;
    }
    this.#user.stanza(client, { ...stanza, attributes: { ...stanza.attributes, from: client.jid } }, now);
  }

  // XEP-0198

  #management(of: XmlElement, who: StreamIdentity, now: number): void {
    const client = this.#client;
    switch (of.name) {
      case "enable":
        if (client === undefined || client.management !== undefined) this.#unmanaged("unexpected-request");
        else this.#enable(client, of);
        break;
      case "resume":
        if (client !== undefined) this.#unmanaged("unexpected-request");
        else this.#resume(of, who, now);
        break;
      case "r":
        if (client?.management !== undefined)
          this.#send(element("a", namespaces.sm, { h: String(client.management.handled) }));
        break;
      case "a": {
        const h = parseCount(of.attributes.h);
        if (client?.management === undefined) break;
        if (h === undefined || !client.management.acknowledge(h))
          this.#fault("undefined-condition", now, "more is acknowledged than was sent");
        break;
      }
      default:
        this.#fault("unsupported-stanza-type", now);
    }
  }

  #enable(client: XmppClient, of: XmlElement): void {
    const { resume = "" } = of.attributes;
    const { limits } = this.#context.settings;
    const id = resume === "true" || resume === "1" ? this.#context.core.ports.random(18) : undefined;
    client.management = new StreamManagement(id, limits);
    if (id === undefined) {
      this.#send(element("enabled", namespaces.sm));
      return;
    }
    this.#user.keep(client, id);
    const max = String(Math.floor(limits.resumeTimeout / 1_000));
    this.#send(element("enabled", namespaces.sm, { id, resume: "true", max }));
  }

  #resume(of: XmlElement, who: StreamIdentity, now: number): void {
    const { previd = "" } = of.attributes;
    const h = parseCount(of.attributes.h);
    const client = h === undefined ? undefined : this.#user.resumable(who, previd);
    const management = client?.management;
    if (client === undefined || management === undefined || h === undefined) {
      this.#unmanaged("item-not-found");
      return;
    }
    if (!management.acknowledge(h)) {
      this.#fault("undefined-condition", now, "more is acknowledged than was sent");
      return;
    }
    this.#client = client;
    this.#send(element("resumed", namespaces.sm, { previd, h: String(management.handled) }));
    for (const stanza of management.unacked) this.#flow.send(stanza);
    this.#user.resumed(client, this, who, now);
  }

  #unmanaged(condition: StanzaCondition): void {
    this.#send(element("failed", namespaces.sm, {}, element(condition, namespaces.stanzaErrors)));
  }
}

/** True for the client's full and bare JID. */
function isOneOf(from: string, { jid, bareJid }: XmppClient): boolean {
  if (from === jid || from === bareJid) return true;
  const [given, own] = [parseJid(from), parseJid(jid)];
  if (given === undefined || own === undefined || given.domain !== own.domain) return false;
  return given.local === own.local && (given.resource === "" || given.resource === own.resource);
}
