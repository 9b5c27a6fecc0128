import type { PushBody, PushOf } from "../../protocol/pushes.ts";
import { TokenBucket } from "../../shared/token-bucket.ts";
import type { GatewayPort } from "../../signaling/gateway-port.ts";
import { type Agent, addressOfRecord, allow, newVia, recvInfo } from "./agent.ts";
import type { Call, CallKeeper } from "./call.ts";
import type { Clock } from "./clock.ts";
import { type Dialog, dialogOf } from "./dialog.ts";
import type { Flow } from "./flow.ts";
import { IncomingCall } from "./incoming-call.ts";
import {
  bodyText,
  type Content,
  contentType,
  type HeaderEntry,
  makeRequest,
  makeResponse,
  type SipMessage,
  type SipRequest,
} from "./message.ts";
import { type NameAddress, nameAddress, withTag } from "./name-address.ts";
import { OutgoingCall } from "./outgoing-call.ts";
import type { Phone } from "./phone.ts";
import { refusalOfError } from "./reasons.ts";
import { Registrar, type RegistrarUser } from "./registrar.ts";
import { type Abilities, objection } from "./sanity.ts";
import type { ServerTransaction } from "./server-transaction.ts";
import type { SipSettings } from "./settings.ts";
import { SignIn, type SignInPorts } from "./sign-in.ts";
import { Subscriptions } from "./subscriptions.ts";
import { addressOf, userOf } from "./target.ts";
import { giveUp } from "./timers.ts";
import { Transactions, type TransactionUser } from "./transactions.ts";

const abilities: Abilities = {
  methods: allow[1].split(", "),
  extensions: ["100rel", "timer", "outbound", "path", "gruu", "trickle-ice"],
};
const messageTypes = ["text/plain", "application/json"];

/** What the stack is given. */
export interface World extends SignInPorts {
  readonly core: GatewayPort;
  readonly clock: Clock;
  readonly settings: SipSettings;
  /** The time as a Date header says it. */
  date(now: number): string;
}

/** What is known of a connection beside its phones. */
interface Connection {
  readonly rate: TokenBucket;
  heardAt: number;
}

/** What is shown of the gateway. */
export interface AgentNumbers {
  readonly phones: number;
  readonly calls: number;
  readonly subscriptions: number;
  /** Credentials that were refused, and requests over a limit, since the start. */
  readonly unauthorized: number;
  readonly limited: number;
}

/**
 * What a request is about: registration, a call, a message, presence, or a dialog that there is already; and who may ask for it.
 * Nothing but REGISTER and OPTIONS is done for somebody who has not proven who it is, and nobody reaches another's dialog.
 */
export class UserAgent implements TransactionUser, CallKeeper, RegistrarUser {
  readonly #agent: Agent;
  readonly #registrar: Registrar;
  readonly #subscriptions: Subscriptions;
  readonly #signIn: SignIn;
  /** Dialogs of calls; ended ones for a while, so that late requests are answered by the one that they are for. */
  readonly #dialogs = new Map<string, Call>();
  readonly #ringing = new Map<ServerTransaction, IncomingCall>();
  readonly #connections = new Map<Flow, Connection>();
  #limited = 0;
  #calls = 0;

  constructor({ core, clock, settings, date, ...ports }: World) {
    const agent: Agent = {
      core,
      clock,
      settings,
      date,
      transactions: new Transactions(clock, this, settings.limits.transactions),
      random: (bytes) => core.ports.random(bytes),
      jitter: () => core.ports.jitter(),
    };
    this.#agent = agent;
    this.#registrar = new Registrar(agent, this);
    this.#subscriptions = new Subscriptions(agent);
    this.#signIn = new SignIn(core, settings, ports);
  }

  get numbers(): AgentNumbers {
    return {
      phones: this.#registrar.size,
      calls: this.#calls,
      subscriptions: this.#subscriptions.size,
      unauthorized: this.#signIn.refused,
      limited: this.#limited,
    };
  }

  /** A connection opened. It has some time to bring a phone. */
  opened(flow: Flow, now: number): void {
    const { requestsPerSecond, requestsBurst, registerTimeout } = this.#agent.settings.limits;
    const rate = new TokenBucket(requestsPerSecond, requestsBurst, now);
    this.#connections.set(flow, { rate, heardAt: now });
    this.#askLater(flow, now);
    this.#agent.clock.after(registerTimeout, now, () => {
      if (flow.open && this.#registrar.phones(flow).size === 0) flow.close("nobody has registered");
    });
  }

  closed(flow: Flow, now: number): void {
    this.#connections.delete(flow);
    this.#registrar.flowClosed(flow, now);
    this.#agent.transactions.closed(flow, now);
  }

  /** A message that could be parsed. */
  receive(message: SipMessage, flow: Flow, now: number): void {
    const connection = this.#connections.get(flow);
    if (connection !== undefined) connection.heardAt = now;
    if (message.kind === "response") {
      this.#agent.transactions.receiveResponse(message, flow, now);
      return;
    }
    if (connection?.rate.take(now) === false) {
      const seconds = Math.max(1, Math.ceil(connection.rate.retryAfter(now) / 1_000));
      this.#limit(message, flow, seconds);
      return;
    }
    const wrong = objection(message, abilities);
    if (wrong !== undefined) this.#stateless(message, flow, wrong.status, wrong.headers);
    else if (!this.#agent.transactions.receiveRequest(message, flow, now)) this.#limit(message, flow, 1);
  }

  #limit(request: SipRequest, flow: Flow, seconds: number): void {
    this.#limited += 1;
    this.#stateless(request, flow, 503, [["Retry-After", String(seconds)]]);
  }

  /** A connection that broke without a word is found out: whoever is registered there answers an OPTIONS, or is gone. */
  #askLater(flow: Flow, now: number): void {
    this.#agent.clock.after(this.#agent.settings.limits.pingAfter, now, (later) => {
      const connection = this.#connections.get(flow);
      const [phone] = this.#registrar.phones(flow);
      if (connection === undefined || !flow.open) return;
      if (phone !== undefined && later - connection.heardAt >= this.#agent.settings.limits.pingAfter)
        this.#send(
          phone,
          flow,
          "OPTIONS",
          nameAddress(addressOfRecord(phone.user, phone.domain)),
          undefined,
          later,
          () => flow.close("silent"),
        );
      this.#askLater(flow, later);
    });
  }

  /** Answers without a transaction; an ACK is never answered. */
  #stateless(request: SipRequest, flow: Flow, status: number, headers: readonly HeaderEntry[]): void {
    if (request.method === "ACK") return;
    flow.send(makeResponse(request, status, { toTag: this.#agent.random(6), headers }));
  }

  // TransactionUser

  request(transaction: ServerTransaction, now: number): void {
    const { request } = transaction;
    const key = dialogOf(request);
    if (request.method === "CANCEL") this.#cancelled(transaction, now);
    else if (key !== undefined) this.#inDialog(key, transaction, now);
    else if (request.method === "REGISTER")
      this.#signIn.prove(transaction, 401, now, (identity, later) =>
        this.#registrar.register(transaction, identity, later),
      );
    else if (request.method === "OPTIONS")
      this.#respond(transaction, 200, now, [
        allow,
        ["Accept", "application/sdp"],
        ["Supported", "timer, outbound, trickle-ice"],
        recvInfo,
      ]);
    else if (["INVITE", "MESSAGE", "SUBSCRIBE"].includes(request.method)) this.#asked(transaction, now);
    else this.#respond(transaction, 481, now);
  }

  acknowledged(request: SipRequest, flow: Flow, now: number): void {
    const call = this.#dialogs.get(dialogOf(request) ?? "");
    if (call !== undefined && this.#owns(flow, call.phone)) call.acknowledged(request, now);
  }

  #cancelled(transaction: ServerTransaction, now: number): void {
    const invite = this.#agent.transactions.cancelled(transaction.request, transaction.flow);
    this.#respond(transaction, invite === undefined ? 481 : 200, now);
    if (invite !== undefined) this.#ringing.get(invite)?.cancel(now);
  }

  #inDialog(key: string, transaction: ServerTransaction, now: number): void {
    const { flow } = transaction;
    const call = this.#dialogs.get(key);
    const phone = call?.phone ?? this.#subscriptions.phoneOf(key);
    const act = (later: number): void => {
      if (call !== undefined) call.receive(transaction, later);
      else if (!this.#subscriptions.receive(key, transaction, later)) this.#respond(transaction, 481, later);
    };
    // A foreign dialog looks like none; who has not said who it is learns nothing of either.
    if (phone !== undefined && this.#owns(flow, phone)) act(now);
    else if (this.#registrar.phones(flow).size > 0) this.#respond(transaction, 481, now);
    else
      this.#signIn.prove(transaction, 407, now, ({ user, device }, later) => {
        const its = phone?.user === user && (device === undefined || device === phone.device?.id);
        if (its) act(later);
        else this.#respond(transaction, 481, later);
      });
  }

  #owns(flow: Flow, phone: Phone): boolean {
    return this.#registrar.phones(flow).has(phone);
  }

  /** A request that begins something: only in one's own name. */
  #asked(transaction: ServerTransaction, now: number): void {
    const { request, flow } = transaction;
    const user = userOf(request.from.uri, this.#agent.settings.domain);
    if (request.method === "INVITE") transaction.respond(makeResponse(request, 100), now);
    const known = user === undefined ? undefined : this.#registrar.phoneOf(flow, user);
    if (known !== undefined) this.#perform(transaction, known, now);
    else if (this.#registrar.phones(flow).size > 0) this.#respond(transaction, 403, now);
    else
      this.#signIn.prove(transaction, 407, now, (identity, later) => {
        const phone =
          identity.user === user ? this.#registrar.admit(request, flow, identity, later) : undefined;
        if (phone === undefined) this.#respond(transaction, 403, later);
        else this.#perform(transaction, phone, later);
      });
  }

  #perform(transaction: ServerTransaction, phone: Phone, now: number): void {
    const { request } = transaction;
    const to = addressOf(request.uri, this.#agent.settings.domain);
    if (to === undefined) this.#respond(transaction, 404, now);
    else if (request.headers.has("Route") && request.headers.values("Route").length > 1)
      this.#respond(transaction, 403, now);
    else if (request.method === "INVITE") this.#call(transaction, phone, to, now);
    else if (request.method === "MESSAGE") this.#message(transaction, phone, to, now);
    else if (to.includes("/")) this.#respond(transaction, 404, now);
    else this.#subscriptions.subscribe(transaction, phone, to, now);
  }

  #call(transaction: ServerTransaction, phone: Phone, to: string, now: number): void {
    const call = new IncomingCall(this.#agent, this, phone, transaction, to);
    this.#ringing.set(transaction, call);
    this.#calls += 1;
    call.start(now);
  }

  // Messages

  #message(transaction: ServerTransaction, phone: Phone, to: string, now: number): void {
    const { request } = transaction;
    const type = contentType(request) ?? "";
    const text = bodyText(request);
    if (!messageTypes.includes(type) || text === undefined) {
      this.#respond(transaction, 415, now, [["Accept", messageTypes.join(", ")]]);
      return;
    }
    const body = type === "application/json" ? parsed(text) : text;
    if (body === undefined) {
      this.#respond(transaction, 400, now);
      return;
    }
    phone.ask("send", { to, body }, now, (outcome, later) => {
      if (!("error" in outcome)) this.#respond(transaction, 200, later);
      else this.#respond(transaction, refusalOfError(outcome.error).status, later);
    });
  }

  #deliver(phone: Phone, { from, body }: Omit<PushOf<"message">, "seq">, now: number): void {
    const { flow } = phone;
    const key = digitOf(body);
    if (key !== undefined) {
      const call = phone.calls.get(key.session);
      if (call !== undefined && "sendDigit" in call) (call as Call).sendDigit(key.digit, key.duration, now);
      return;
    }
    if (flow === undefined) return;
    const content =
      typeof body === "string"
        ? { type: "text/plain", content: body }
        : { type: "application/json", content: JSON.stringify(body) };
    const sender = nameAddress(addressOfRecord(from.user, phone.domain), {}, from.name);
    this.#send(phone, flow, "MESSAGE", sender, content, now);
  }

  /** Sends a phone a request that begins no dialog. */
  #send(
    phone: Phone,
    flow: Flow,
    method: string,
    from: NameAddress,
    body: Content | undefined,
    now: number,
    unanswered: () => void = () => {},
  ): void {
    const request = makeRequest({
      method,
      uri: phone.contact,
      via: newVia(this.#agent, flow),
      from: withTag(from, this.#agent.random(9)),
      to: nameAddress(addressOfRecord(phone.user, phone.domain)),
      callId: this.#agent.random(18),
      sequence: 1,
      ...(body === undefined ? {} : { body }),
    });
    const failed = (why: "timeout" | "transport"): void => {
      if (why === "timeout") unanswered();
    };
    this.#agent.transactions.send(request, flow, { response: () => {}, failed }, now);
  }

  // RegistrarUser

  pushed(phone: Phone, push: PushBody, now: number): void {
    switch (push.type) {
      case "incoming": {
        const call = new OutgoingCall(this.#agent, this, phone, push);
        this.#calls += 1;
        phone.calls.set(push.session, call);
        call.begin(now);
        break;
      }
      case "presence":
        this.#subscriptions.told(phone, push, now);
        break;
      case "message":
        this.#deliver(phone, push, now);
        break;
      default:
        if ("session" in push) phone.calls.get(push.session)?.push(push, now);
    }
  }

  gone(phone: Phone): void {
    this.#subscriptions.gone(phone);
  }

  // CallKeeper

  dialogOpened(call: Call, dialog: Dialog): void {
    this.#dialogs.set(dialog.key, call);
  }

  over(call: Call, now: number): void {
    this.#calls -= 1;
    if (call instanceof IncomingCall) this.#ringing.delete(call.transaction);
    if (call.session !== "" && call.phone.calls.get(call.session) === call)
      call.phone.calls.delete(call.session);
    const key = call.dialog?.key;
    if (key !== undefined)
      this.#agent.clock.after(giveUp, now, () => {
        if (this.#dialogs.get(key) === call) this.#dialogs.delete(key);
      });
    this.#registrar.callEnded(call.phone, now);
  }

  #respond(
    transaction: ServerTransaction,
    status: number,
    now: number,
    headers: readonly HeaderEntry[] = [],
  ): void {
    const response = makeResponse(transaction.request, status, { toTag: this.#agent.random(6), headers });
    transaction.respond(response, now);
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A key that a phone pressed comes as a message between the devices of a call. */
function digitOf(
  body: unknown,
): { readonly digit: string; readonly duration: number; readonly session: string } | undefined {
  if (typeof body !== "object" || body === null) return undefined;
  const { digit, duration = 250, session } = body as Record<string, unknown>;
  if (typeof digit !== "string" || typeof session !== "string" || typeof duration !== "number")
    return undefined;
  return /^[0-9A-D*#]$/.test(digit) ? { digit, duration, session } : undefined;
}
