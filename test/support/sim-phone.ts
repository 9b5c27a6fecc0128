import type { DigestAlgorithm } from "../../src/gateways/sip/digest.ts";
import { digestHash, digestResponse } from "../../src/gateways/sip/digest.ts";
import type { Flow } from "../../src/gateways/sip/flow.ts";
import {
  bodyText,
  type SipMessage,
  type SipRequest,
  type SipResponse,
} from "../../src/gateways/sip/message.ts";
import { parseMessage } from "../../src/gateways/sip/parser.ts";
import { serializeBytes } from "../../src/gateways/sip/serializer.ts";
import { defaultSipLimits, type SipLimits } from "../../src/gateways/sip/settings.ts";
import { UserAgent } from "../../src/gateways/sip/user-agent.ts";
import { stunCrypto } from "../../src/net/stun-crypto.ts";
import type { Limits } from "../../src/protocol/limits.ts";
import type { SimCluster } from "./sim-cluster.ts";
import { SimCore } from "./sim-core.ts";

const realm = "sim";

/** A core, one of a cluster where it is named, with the gateway's pure stack, under one simulated clock; unless asked for, no phone is pinged. Passwords are `secret of USER`. */
export class SimSip {
  readonly sim: SimCore;
  readonly agent: UserAgent;
  flows = 0;
  readonly #cluster: SimCluster | undefined;

  constructor(
    limits: Partial<SipLimits> = {},
    coreLimits: Partial<Limits> = {},
    at?: { readonly cluster: SimCluster; readonly node: string },
  ) {
    this.#cluster = at?.cluster;
    this.sim = at?.cluster.node(at.node) ?? new SimCore(coreLimits);
    const core = this.sim.core.gateway({ name: "sip", asksOffers: true });
    this.agent = new UserAgent({
      core,
      clock: { after: (ms, now, due) => core.deadlines.add(now + ms, due) },
      settings: { realm, domain: "", limits: { ...defaultSipLimits, pingAfter: 86_400_000, ...limits } },
      date: (now) => new Date(now).toUTCString(),
      crypto: stunCrypto,
      identify: (username, now) => {
        const [user = "", device] = username.split("/");
        return {
          identity: {
            user,
            ...(device === undefined ? {} : { device }),
            grants: { call: ["*"], send: ["*"], watch: ["*"] },
            expires: now + 86_400_000,
            issuedAt: now,
          },
          ha1: (algorithm: DigestAlgorithm) => [
            digestHash(algorithm, `${username}:${realm}:secret of ${user}`, stunCrypto),
          ],
        };
      },
    });
  }

  get now(): number {
    return this.sim.now;
  }

  pass(ms: number): void {
    if (this.#cluster === undefined) this.sim.pass(ms);
    else this.#cluster.pass(ms);
  }

  phone(user: string, options: { device?: string; reliable?: boolean } = {}): SimPhone {
    return new SimPhone(this, user, options);
  }
}

/** Headers beside those that every request has, and a body. */
export interface Extra {
  readonly headers?: readonly string[];
  readonly body?: string;
  readonly type?: string;
  readonly to?: string;
  readonly from?: string;
  readonly callId?: string;
  readonly branch?: string;
  readonly sequence?: number;
  readonly uri?: string;
  readonly maxForwards?: number;
}

let phones = 0;

/** A client that says what a test wants, over a flow that keeps what was sent to it. */
export class SimPhone implements Flow {
  readonly transport = "WS";
  readonly host = "gateway.invalid";
  readonly port = undefined;
  readonly address = "127.0.0.1";
  readonly id: number;
  readonly reliable: boolean;
  readonly user: string;
  readonly name: string;
  readonly heard: SipMessage[] = [];
  open = true;
  /** The dialog that it speaks in, once it has one. */
  dialog: { callId: string; to: string; target: string } | undefined;
  readonly #world: SimSip;
  readonly #username: string;
  #sequence: number;

  constructor(world: SimSip, user: string, options: { device?: string; reliable?: boolean }) {
    phones += 1;
    world.flows += 1;
    this.id = world.flows;
    this.name = `p${phones}`;
    // A client that comes back counts on.
    this.#sequence = world.flows * 100;
    this.#world = world;
    this.user = user;
    this.reliable = options.reliable ?? true;
    this.#username = options.device === undefined ? user : `${user}/${options.device}`;
    world.agent.opened(this, world.now);
  }

  // Flow

  send(message: SipMessage): void {
    // Through the wire: what can't be read again was written wrong.
    const read = parseMessage(serializeBytes(message));
    if (!read.ok) throw new Error(`what was sent can't be read: ${read.error.reason}`);
    this.heard.push(read.value);
  }

  close(): void {
    this.open = false;
    this.#world.agent.closed(this, this.#world.now);
  }

  /** The connection breaks. */
  drop(): void {
    this.open = false;
    this.#world.agent.closed(this, this.#world.now);
    this.#world.pass(0);
  }

  // What it heard

  get requests(): SipRequest[] {
    return this.heard.filter((message) => message.kind === "request");
  }

  get responses(): SipResponse[] {
    return this.heard.filter((message) => message.kind === "response");
  }

  request(method: string): SipRequest | undefined {
    return this.requests.findLast((request) => request.method === method);
  }

  /** The statuses of the responses to that method, oldest first. */
  statuses(method: string): number[] {
    return this.responses.filter(({ cseq }) => cseq.method === method).map(({ status }) => status);
  }

  last(method: string): SipResponse | undefined {
    return this.responses.findLast(({ cseq }) => cseq.method === method);
  }

  get contact(): string {
    return `<sip:${this.name}@${this.name}.invalid;transport=ws>`;
  }

  // What it says

  raw(text: string): void {
    const read = parseMessage(text);
    if (!read.ok) throw new Error(read.error.reason);
    this.#world.agent.receive(read.value, this, this.#world.now);
    this.#world.pass(0);
  }

  ask(method: string, extra: Extra = {}): SipResponse | undefined {
    this.#sequence += 1;
    const sequence = extra.sequence ?? this.#sequence;
    const { dialog } = this;
    const uri = extra.uri ?? dialog?.target ?? "sip:sim.test";
    const body = extra.body ?? "";
    const lines = [
      `${method} ${uri} SIP/2.0`,
      `Via: SIP/2.0/WS ${this.name}.invalid;branch=${extra.branch ?? `z9hG4bK-${this.name}-${this.#sequence}`}`,
      `Max-Forwards: ${extra.maxForwards ?? 70}`,
      `From: <sip:${extra.from ?? this.user}@sim.test>;tag=${this.name}`,
      `To: ${extra.to ?? dialog?.to ?? `<${uri}>`}`,
      `Call-ID: ${extra.callId ?? dialog?.callId ?? `${this.name}-${this.#sequence}`}`,
      `CSeq: ${sequence} ${method}`,
      `Contact: ${this.contact}`,
      ...(extra.headers ?? []),
      ...(body === "" ? [] : [`Content-Type: ${extra.type ?? "application/sdp"}`]),
      `Content-Length: ${Buffer.byteLength(body)}`,
    ];
    this.raw(`${lines.join("\r\n")}\r\n\r\n${body}`);
    return this.responses.findLast(({ cseq }) => cseq.method === method && cseq.sequence === sequence);
  }

  /** Proves itself with what the challenge asks for. */
  authorization(
    method: string,
    uri: string,
    challenge: SipResponse | undefined,
    algorithm: DigestAlgorithm = "SHA-256",
  ): string {
    const header = challenge?.status === 407 ? "Proxy-Authenticate" : "WWW-Authenticate";
    const line = challenge?.headers.lines(header).find((one) => one.includes(`algorithm=${algorithm}`)) ?? "";
    const nonce = /nonce="([^"]+)"/.exec(line)?.[1] ?? "";
    const username = this.#username;
    const ha1 = digestHash(algorithm, `${username}:${realm}:secret of ${this.user}`, stunCrypto);
    const cnonce = `c${this.name}${this.#sequence}`;
    const nc = "00000001";
    const response = digestResponse({ algorithm, ha1, nonce, nc, cnonce, method, uri }, stunCrypto);
    const name = challenge?.status === 407 ? "Proxy-Authorization" : "Authorization";
    return `${name}: Digest username="${username}", realm="${realm}", nonce="${nonce}", uri="${uri}", response="${response}", algorithm=${algorithm}, qop=auth, cnonce="${cnonce}", nc=${nc}`;
  }

  register(extra: Extra & { expires?: number } = {}): SipResponse | undefined {
    const uri = "sip:sim.test";
    const more = { ...extra, uri, to: `<sip:${this.user}@sim.test>`, callId: `register-${this.name}` };
    const headers = [`Expires: ${extra.expires ?? 600}`, ...(extra.headers ?? [])];
    const challenge = this.ask("REGISTER", { ...more, headers });
    if (challenge?.status !== 401) return challenge;
    return this.ask("REGISTER", {
      ...more,
      headers: [...headers, this.authorization("REGISTER", uri, challenge)],
    });
  }

  /** Responds to a request that it heard; with a body it is an SDP. */
  respond(request: SipRequest | undefined, status: number, { headers = [], body = "" }: Extra = {}): void {
    if (request === undefined) throw new Error("there is no request to respond to");
    const to = request.headers.get("To") ?? "";
    const lines = [
      `SIP/2.0 ${status} Whatever`,
      ...request.headers.lines("Via").map((via) => `Via: ${via}`),
      `From: ${request.headers.get("From")}`,
      `To: ${to.includes("tag=") || status === 100 ? to : `${to};tag=${this.name}`}`,
      `Call-ID: ${request.callId}`,
      `CSeq: ${request.cseq.sequence} ${request.method}`,
      `Contact: ${this.contact}`,
      ...headers,
      ...(body === "" ? [] : ["Content-Type: application/sdp"]),
      `Content-Length: ${Buffer.byteLength(body)}`,
    ];
    this.raw(`${lines.join("\r\n")}\r\n\r\n${body}`);
    if (request.method === "INVITE" && status >= 200 && status < 300)
      this.dialog = {
        callId: request.callId,
        to: request.headers.get("From") ?? "",
        target: /<([^>]+)>/.exec(request.headers.get("Contact") ?? "")?.[1] ?? "",
      };
  }

  /** Calls, and remembers the dialog once it is answered. */
  call(to: string, extra: Extra = {}): void {
    this.ask("INVITE", { uri: `sip:${to}@sim.test`, body: offer(), ...extra });
  }

  /** Takes the dialog of the newest response to its INVITE, and acknowledges a 2xx; `body`: with this answer. */
  acknowledge(body = ""): void {
    const response = this.last("INVITE");
    if (response === undefined) throw new Error("nothing to acknowledge");
    this.dialog = {
      callId: response.callId,
      to: response.headers.get("To") ?? "",
      target:
        /<([^>]+)>/.exec(response.headers.get("Contact") ?? "")?.[1] ??
        this.dialog?.target ??
        "sip:gone@gateway.invalid",
    };
    this.ask("ACK", { sequence: response.cseq.sequence, body });
  }

  get sdp(): string {
    return bodyText(this.heard.findLast(({ body }) => body.length > 0) as SipMessage) ?? "";
  }
}

/** A description with one candidate inside. */
export function offer(ufrag = "phone", direction = "sendrecv", setup = "actpass"): string {
  return [
    "v=0",
    "o=- 1 1 IN IP4 127.0.0.1",
    "s=-",
    "t=0 0",
    "m=audio 9 UDP/TLS/RTP/SAVPF 111",
    "c=IN IP4 0.0.0.0",
    `a=${direction}`,
    "a=mid:0",
    `a=ice-ufrag:${ufrag}`,
    "a=ice-pwd:abcdefghijklmnopqrstuvwx",
    `a=setup:${setup}`,
    `a=candidate:1 1 udp 1 192.0.2.1 5000 typ host ufrag ${ufrag}`,
    "",
  ].join("\r\n");
}

export function answer(ufrag = "core", direction = "sendrecv"): string {
  return offer(ufrag, direction, "active");
}

/** Without its candidates, as a native device sends it. */
export function bare(sdp: string): string {
  return sdp.replace(/a=candidate:.*\r\n/g, "");
}
