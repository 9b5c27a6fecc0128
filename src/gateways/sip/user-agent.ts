import type { PushBody } from "../../protocol/pushes.ts";
import type { GatewayPort } from "../../signaling/gateway-port.ts";
import { GatewayTraffic } from "../gateway-traffic.ts";
import { Bindings, type BindingsUser } from "./bindings.ts";
import { CallWords } from "./call-words.ts";
import type { Clock } from "./clock.ts";
import { Connections } from "./connections.ts";
import { dialogOf } from "./dialog.ts";
import { DialogTable } from "./dialog-table.ts";
import type { Flow } from "./flow.ts";
import { type HeaderEntry, makeResponse, type SipMessage, type SipRequest } from "./message.ts";
import { deliverMessage, sendMessage } from "./messages.ts";
import type { Phone } from "./phone.ts";
import { Registrar } from "./registrar.ts";
import { type Abilities, objection } from "./sanity.ts";
import type { ServerTransaction } from "./server-transaction.ts";
import type { SipSettings } from "./settings.ts";
import { SignIn, type SignInPorts } from "./sign-in.ts";
import { allow, recvInfo, type SipContext } from "./sip-context.ts";
import { Subscriptions } from "./subscriptions.ts";
import { addressOf, userOf } from "./target.ts";
import { Transactions, type TransactionUser } from "./transactions.ts";

const abilities: Abilities = {
  methods: allow[1].split(", "),
  extensions: ["100rel", "timer", "outbound", "path", "gruu", "trickle-ice"],
};

/** What the stack is given. */
export interface GatewayPorts extends SignInPorts {
  readonly core: GatewayPort;
  readonly clock: Clock;
  readonly settings: SipSettings;
  /** The time as a Date header says it. */
  date(now: number): string;
}

/** What is shown of the gateway. */
export interface AgentNumbers {
  readonly phones: number;
  readonly calls: number;
  readonly subscriptions: number;
}

/**
 * What a request is about: registration, a call, a message, presence, or a dialog that there is already; and who may ask for it.
 * Nothing but REGISTER and OPTIONS is done for somebody who has not proven who it is, and nobody reaches another's dialog.
 */
export class UserAgent implements TransactionUser, BindingsUser {
  /** Connections and messages, with their bounds. */
  readonly traffic: GatewayTraffic<Flow>;
  /** Tells the messages of calls. */
  readonly words: CallWords;
  readonly #agent: SipContext;
  readonly #bindings: Bindings;
  readonly #registrar: Registrar;
  readonly #subscriptions: Subscriptions;
  readonly #signIn: SignIn;
  readonly #connections: Connections;
  readonly #calls: DialogTable;

  constructor({ core, clock, settings, date, ...ports }: GatewayPorts) {
    this.words = new CallWords(core);
    const agent: SipContext = {
      core,
      words: this.words,
      clock,
      settings,
      date,
      transactions: new Transactions(clock, this, settings.limits.transactions),
      random: (bytes) => core.ports.random(bytes),
      jitter: () => core.ports.jitter(),
    };
    this.traffic = new GatewayTraffic(settings.limits);
    this.#agent = agent;
    this.#bindings = new Bindings(agent, this);
    this.#registrar = new Registrar(agent, this.#bindings);
    this.#calls = new DialogTable(agent, (phone, now) => this.#bindings.callEnded(phone, now));
    this.#connections = new Connections(agent, this.traffic, (flow) => this.#bindings.phones(flow));
    this.#subscriptions = new Subscriptions(agent);
    this.#signIn = new SignIn(core, settings, ports, this.traffic);
  }

  get numbers(): AgentNumbers {
    return {
      phones: this.#bindings.size,
      calls: this.#calls.size,
      subscriptions: this.#subscriptions.size,
    };
  }

  /** A connection opened. */
  opened(flow: Flow, now: number): void {
    this.#connections.opened(flow, now);
  }

  closed(flow: Flow, now: number): void {
    this.#connections.closed(flow);
    this.#bindings.flowClosed(flow, now);
    this.#agent.transactions.closed(flow, now);
  }

  /** A message that could be parsed. */
  receive(message: SipMessage, flow: Flow, now: number): void {
    this.#connections.heard(flow, now);
    if (message.kind === "response") {
      this.#agent.transactions.receiveResponse(message, flow, now);
      return;
    }
    const wait = this.traffic.overRate(flow, now);
    if (wait !== undefined) {
      this.#limit(message, flow, wait);
      return;
    }
    const wrong = objection(message, abilities);
    if (wrong !== undefined) this.#stateless(message, flow, wrong.status, wrong.headers);
    else if (!this.#agent.transactions.receiveRequest(message, flow, now)) this.#limit(message, flow, 1);
  }

  #limit(request: SipRequest, flow: Flow, seconds: number): void {
    this.traffic.count("limited");
    this.#stateless(request, flow, 503, [["Retry-After", String(seconds)]]);
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
    const call = this.#calls.of(dialogOf(request));
    if (call !== undefined && this.#owns(flow, call.phone)) call.acknowledged(request, now);
  }

  #cancelled(transaction: ServerTransaction, now: number): void {
    const invite = this.#agent.transactions.cancelled(transaction.request, transaction.flow);
    this.#respond(transaction, invite === undefined ? 481 : 200, now);
    if (invite !== undefined) this.#calls.cancelled(invite, now);
  }

  #inDialog(key: string, transaction: ServerTransaction, now: number): void {
    const { flow } = transaction;
    const call = this.#calls.of(key);
    const phone = call?.phone ?? this.#subscriptions.phoneOf(key);
    const act = (later: number): void => {
      if (call !== undefined) call.receive(transaction, later);
      else if (!this.#subscriptions.receive(key, transaction, later)) this.#respond(transaction, 481, later);
    };
    // A foreign dialog looks like none; who has not said who it is learns nothing of either.
    if (phone !== undefined && this.#owns(flow, phone)) act(now);
    else if (this.#bindings.phones(flow).size > 0) this.#respond(transaction, 481, now);
    else
      this.#signIn.prove(transaction, 407, now, ({ user, device }, later) => {
        const its = phone?.user === user && (device === undefined || device === phone.device?.id);
        if (its) act(later);
        else this.#respond(transaction, 481, later);
      });
  }

  #owns(flow: Flow, phone: Phone): boolean {
    return this.#bindings.phones(flow).has(phone);
  }

  /** A request that begins something: only in one's own name. */
  #asked(transaction: ServerTransaction, now: number): void {
    const { request, flow } = transaction;
    const user = userOf(request.from.uri, this.#agent.settings.domain);
    if (request.method === "INVITE") transaction.respond(makeResponse(request, 100), now);
    const known = user === undefined ? undefined : this.#bindings.phoneOf(flow, user);
    if (known !== undefined) this.#perform(transaction, known, now);
    else if (this.#bindings.phones(flow).size > 0) this.#respond(transaction, 403, now);
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
    else if (request.method === "INVITE") this.#calls.incoming(transaction, phone, to, now);
    else if (request.method === "MESSAGE") sendMessage(this.#agent, transaction, phone, to, now);
    else if (to.includes("/")) this.#respond(transaction, 404, now);
    else this.#subscriptions.subscribe(transaction, phone, to, now);
  }

  // BindingsUser

  pushed(phone: Phone, push: PushBody, now: number): void {
    switch (push.type) {
      case "incoming":
        this.#calls.outgoing(phone, push, now);
        break;
      case "presence":
        this.#subscriptions.told(phone, push, now);
        break;
      case "message":
        deliverMessage(this.#agent, phone, push, now);
        break;
      default:
        if ("session" in push) phone.calls.get(push.session)?.push(push, now);
    }
  }

  gone(phone: Phone): void {
    this.#subscriptions.gone(phone);
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
