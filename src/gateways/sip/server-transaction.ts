import type { Deadline } from "../../shared/deadlines.ts";
import type { Clock } from "./clock.ts";
import type { Flow } from "./flow.ts";
import type { SipRequest, SipResponse } from "./message.ts";
import { giveUp, t1, t2, t4 } from "./timers.ts";

/** The server transaction of one request. It keeps the response, for retransmissions of the request. */
export abstract class ServerTransaction {
  readonly request: SipRequest;
  readonly flow: Flow;
  protected readonly clock: Clock;
  protected response: SipResponse | undefined;
  protected timer: Deadline | undefined;
  readonly #over: () => void;
  #done = false;

  /** `over` is called once, when the transaction can be forgotten. */
  constructor(request: SipRequest, flow: Flow, clock: Clock, over: () => void) {
    this.request = request;
    this.flow = flow;
    this.clock = clock;
    this.#over = over;
  }

  /** True once a final response was given. */
  get answered(): boolean {
    return this.response !== undefined && this.response.status >= 200;
  }

  /** True once it was refused. Then the ACK belongs to the transaction. */
  get refused(): boolean {
    return this.response !== undefined && this.response.status >= 300;
  }

  /** Sends a response. After a final response others are ignored, but for the repetition of a 2xx. */
  abstract respond(response: SipResponse, now: number): void;

  /** The request was retransmitted. */
  repeated(_now: number): void {
    if (this.response !== undefined) this.flow.send(this.response);
  }

  /** Ends the transaction at once: its flow is gone. */
  end(): void {
    this.timer?.cancel();
    if (this.#done) return;
    this.#done = true;
    this.#over();
  }

  protected endAfter(ms: number, now: number): void {
    this.timer?.cancel();
    this.timer = this.clock.after(ms, now, () => this.end());
  }
}

/** RFC 3261 §17.2.2: trying, proceeding, completed for timer J. */
export class NonInviteServer extends ServerTransaction {
  respond(response: SipResponse, now: number): void {
    if (this.answered) return;
    this.response = response;
    this.flow.send(response);
    if (response.status >= 200) this.endAfter(this.flow.reliable ? 0 : giveUp, now);
  }
}

/**
 * RFC 3261 §17.2.1 with RFC 6026: proceeding; *completed* after a refusal, until the ACK (timers G, H, I); *accepted* after a
 * 2xx (timer L), which its user sends again until the ACK.
 */
export class InviteServer extends ServerTransaction {
  #confirmed = false;
  #again: Deadline | undefined;
  readonly #unacknowledged: (now: number) => void;

  /** `unacknowledged`: no ACK came for a refusal. */
  constructor(
    request: SipRequest,
    flow: Flow,
    clock: Clock,
    over: () => void,
    unacknowledged: (now: number) => void = () => {},
  ) {
    super(request, flow, clock, over);
    this.#unacknowledged = unacknowledged;
  }

  respond(response: SipResponse, now: number): void {
    const before = this.response?.status ?? 100;
    const accepts = response.status >= 200 && response.status < 300;
    // Only a 2xx is sent more than once.
    if (before >= 300 || (before >= 200 && !accepts)) return;
    this.response = response;
    this.flow.send(response);
    if (response.status < 200) return;
    if (accepts) {
      if (before < 200) this.endAfter(giveUp, now);
      return;
    }
    this.timer = this.clock.after(giveUp, now, (later) => {
      this.end();
      this.#unacknowledged(later);
    });
    if (!this.flow.reliable) this.#repeatLater(t1, now);
  }

  override repeated(now: number): void {
    // RFC 6026 §7.1: retransmissions of the INVITE are absorbed after a 2xx.
    if (this.response === undefined || this.response.status < 200 || this.response.status >= 300)
      super.repeated(now);
  }

  /** The ACK of a refusal. */
  acknowledged(now: number): void {
    if (this.#confirmed || this.response === undefined || this.response.status < 300) return;
    this.#confirmed = true;
    this.#again?.cancel();
    this.endAfter(this.flow.reliable ? 0 : t4, now);
  }

  override end(): void {
    this.#again?.cancel();
    super.end();
  }

  /** Timer G: repeats the response. */
  #repeatLater(wait: number, now: number): void {
    this.#again = this.clock.after(wait, now, (later) => {
      super.repeated(later);
      this.#repeatLater(Math.min(wait * 2, t2), later);
    });
  }
}
