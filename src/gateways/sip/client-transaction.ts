import type { Deadline } from "../../shared/deadlines.ts";
import type { Clock } from "./clock.ts";
import type { Flow } from "./flow.ts";
import { makeRequest, type SipRequest, type SipResponse } from "./message.ts";
import { giveUp, t1, t2, t4 } from "./timers.ts";

/** What a transaction tells its user. */
export interface ClientUser {
  /** A response: provisional ones, one final one, and each 2xx to an INVITE. */
  response(response: SipResponse, now: number): void;
  /** No response came, or the flow is gone. Nothing comes after this. */
  failed(why: "timeout" | "transport", now: number): void;
}

/** The client transaction of one request. */
export abstract class ClientTransaction {
  readonly request: SipRequest;
  readonly flow: Flow;
  protected readonly clock: Clock;
  protected readonly user: ClientUser;
  protected status = 0;
  readonly #over: () => void;
  #timers: Deadline[] = [];
  #done = false;

  constructor(request: SipRequest, flow: Flow, clock: Clock, user: ClientUser, over: () => void) {
    this.request = request;
    this.flow = flow;
    this.clock = clock;
    this.user = user;
    this.#over = over;
  }

  /** True after a provisional response and before a final one. */
  get proceeding(): boolean {
    return this.status >= 100 && this.status < 200;
  }

  abstract start(now: number): void;
  abstract receive(response: SipResponse, now: number): void;

  /** The flow is gone. */
  lost(now: number): void {
    const waits = this.status < 200;
    this.end();
    if (waits) this.user.failed("transport", now);
  }

  end(): void {
    this.stopTimers();
    if (this.#done) return;
    this.#done = true;
    this.#over();
  }

  protected after(ms: number, now: number, due: (now: number) => void): void {
    this.#timers.push(this.clock.after(ms, now, due));
  }

  protected stopTimers(): void {
    for (const timer of this.#timers) timer.cancel();
    this.#timers = [];
  }

  /** Timers A and E: repeats the request until there is a response. */
  protected repeat(wait: number, most: number, now: number): void {
    if (this.flow.reliable) return;
    this.after(wait, now, (later) => {
      this.flow.send(this.request);
      this.repeat(Math.min(wait * 2, most), most, later);
    });
  }

  /** Timers B and F. */
  protected timeOut(now: number): void {
    this.after(giveUp, now, (later) => {
      this.end();
      this.user.failed("timeout", later);
    });
  }
}

/** RFC 3261 §17.1.2: trying, proceeding, completed for timer K. */
export class NonInviteClient extends ClientTransaction {
  start(now: number): void {
    this.flow.send(this.request);
    this.timeOut(now);
    this.repeat(t1, t2, now);
  }

  receive(response: SipResponse, now: number): void {
    if (this.status >= 200) return;
    this.status = response.status;
    if (response.status < 200) {
      this.user.response(response, now);
      return;
    }
    this.stopTimers();
    this.after(this.flow.reliable ? 0 : t4, now, () => this.end());
    this.user.response(response, now);
  }
}

/**
 * RFC 3261 §17.1.1 with RFC 6026: calling, proceeding; *completed* after a refusal, which it acknowledges itself (timer D);
 * *accepted* after a 2xx (timer M), each of which its user acknowledges.
 */
export class InviteClient extends ClientTransaction {
  start(now: number): void {
    this.flow.send(this.request);
    this.timeOut(now);
    this.repeat(t1, Number.POSITIVE_INFINITY, now);
  }

  receive(response: SipResponse, now: number): void {
    const { status } = response;
    if (this.status >= 300) {
      if (status >= 300) this.#acknowledge(response);
      return;
    }
    if (this.status >= 200) {
      if (status >= 200 && status < 300) this.user.response(response, now);
      return;
    }
    this.status = status;
    this.stopTimers();
    if (status >= 300) {
      this.#acknowledge(response);
      this.after(this.flow.reliable ? 0 : giveUp, now, () => this.end());
    } else if (status >= 200) this.after(giveUp, now, () => this.end());
    this.user.response(response, now);
  }

  /** §17.1.1.3: the ACK of a refusal is the INVITE's, with the To of the response. */
  #acknowledge({ to }: SipResponse): void {
    const { uri, via, from, callId, cseq, headers } = this.request;
    const routes = headers.lines("Route").map((value) => ["Route", value] as const);
    const parts = { method: "ACK", uri, via, from, to, callId, sequence: cseq.sequence, headers: routes };
    this.flow.send(makeRequest(parts));
  }
}
