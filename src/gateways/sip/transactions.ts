import {
  type ClientTransaction,
  type ClientUser,
  InviteClient,
  NonInviteClient,
} from "./client-transaction.ts";
import type { Clock } from "./clock.ts";
import type { Flow } from "./flow.ts";
import type { SipRequest, SipResponse } from "./message.ts";
import { InviteServer, NonInviteServer, type ServerTransaction } from "./server-transaction.ts";
import { branchCookie } from "./via.ts";

/** What the transaction layer tells its user. */
export interface TransactionUser {
  /** A new request. */
  request(transaction: ServerTransaction, now: number): void;
  /** The ACK of a 2xx: it belongs to a dialog and has no transaction. */
  acknowledged(request: SipRequest, flow: Flow, now: number): void;
}

/** The transaction layer (RFC 3261 §17): matches requests and responses with the transactions of a flow. */
export class Transactions {
  readonly #clock: Clock;
  readonly #user: TransactionUser;
  /** The transactions of each flow. Bounded: see {@link full}. */
  readonly #flows = new Map<
    Flow,
    { servers: Map<string, ServerTransaction>; clients: Map<string, ClientTransaction> }
  >();
  readonly #most: number;

  /** At most `most` transactions of each direction on one flow. */
  constructor(clock: Clock, user: TransactionUser, most: number) {
    this.#clock = clock;
    this.#user = user;
    this.#most = most;
  }

  /** True when the flow has as many open requests as it may have. */
  full(flow: Flow): boolean {
    return (this.#flows.get(flow)?.servers.size ?? 0) >= this.#most;
  }

  /** A request came in. False when the flow has too many transactions: refuse it statelessly. */
  receiveRequest(request: SipRequest, flow: Flow, now: number): boolean {
    const { method } = request;
    const key = serverKey(request, method === "ACK" ? "INVITE" : method);
    const { servers } = this.#of(flow);
    const known = servers.get(key);
    if (method === "ACK") {
      if (known instanceof InviteServer && known.refused) known.acknowledged(now);
      else this.#user.acknowledged(request, flow, now);
      return true;
    }
    if (known !== undefined) {
      known.repeated(now);
      return true;
    }
    if (servers.size >= this.#most) return false;
    const over = () => servers.delete(key);
    const made =
      method === "INVITE"
        ? new InviteServer(request, flow, this.#clock, over)
        : new NonInviteServer(request, flow, this.#clock, over);
    servers.set(key, made);
    this.#user.request(made, now);
    return true;
  }

  /** A response came in; one that belongs to no transaction is dropped. */
  receiveResponse(response: SipResponse, flow: Flow, now: number): void {
    const { method } = response.cseq;
    this.#flows.get(flow)?.clients.get(`${response.via.branch} ${method}`)?.receive(response, now);
  }

  /** Sends a request. Its topmost Via has a branch of its own, or for a CANCEL that of the INVITE. */
  send(request: SipRequest, flow: Flow, user: ClientUser, now: number): ClientTransaction {
    const { clients } = this.#of(flow);
    const key = `${request.via.branch} ${request.method}`;
    const over = () => clients.delete(key);
    const Made = request.method === "INVITE" ? InviteClient : NonInviteClient;
    const made = new Made(request, flow, this.#clock, user, over);
    clients.set(key, made);
    made.start(now);
    return made;
  }

  /** The INVITE that a CANCEL is about. */
  cancelled(cancel: SipRequest, flow: Flow): ServerTransaction | undefined {
    return this.#flows.get(flow)?.servers.get(serverKey(cancel, "INVITE"));
  }

  /** The flow is gone, and all its transactions with it. */
  closed(flow: Flow, now: number): void {
    const lost = this.#flows.get(flow);
    this.#flows.delete(flow);
    for (const server of [...(lost?.servers.values() ?? [])]) server.end();
    for (const client of [...(lost?.clients.values() ?? [])]) client.lost(now);
  }

  #of(flow: Flow) {
    let found = this.#flows.get(flow);
    if (found === undefined) {
      found = { servers: new Map(), clients: new Map() };
      if (flow.open) this.#flows.set(flow, found);
    }
    return found;
  }
}

/** The key of a server transaction (§17.2.3): branch, sent-by and method. Without the cookie, by the rules of RFC 2543. */
function serverKey({ via, callId, cseq, from }: SipRequest, method: string): string {
  const sentBy = `${via.host}:${via.port ?? ""}`;
  return via.branch.startsWith(branchCookie)
    ? `${via.branch} ${sentBy} ${method}`
    : `${callId} ${cseq.sequence} ${from.parameters.get("tag")} ${sentBy} ${method}`;
}
