import type { PushOf } from "../../../protocol/pushes.ts";
import type { RequestOf } from "../../../protocol/requests.ts";
import type { Candidate, Description } from "../../../protocol/values.ts";
import type { Outcome } from "../../../signaling/device.ts";
import type { JinglePorts } from "./ports.ts";
import type { declineOf } from "./reasons.ts";

type Done = (outcome: Outcome, now: number) => void;

/** What one end of a session tells the other. */
export interface Signal {
  readonly description?: Description;
  readonly candidates?: readonly Candidate[];
  readonly endOfCandidates?: boolean;
  readonly refused?: { readonly reason: string };
}

/** The client's leg of a session in the core: which pair and generation it is in, and the requests that are made for it. */
export class CoreLeg {
  /** The id of the core's session; empty before the core has taken the call. */
  session = "";
  readonly #ports: JinglePorts;
  #pair = 1;
  #generation = 1;
  /** What stood before another pair was opened. */
  #before: { readonly pair: number; readonly generation: number } | undefined;

  constructor(ports: JinglePorts) {
    this.#ports = ports;
  }

  // Where it stands

  /** The core rings the client. */
  rung({ session, pair, generation }: Omit<PushOf<"incoming">, "seq">): void {
    this.session = session;
    this.#pair = pair;
    this.#generation = generation;
  }

  /** The client's call was accepted. */
  accepted({ generation }: Omit<PushOf<"accepted">, "seq">): void {
    this.#generation = generation;
  }

  /** True where that is the current pair and generation. */
  at(pair: number, generation: number): boolean {
    return pair === this.#pair && generation === this.#generation;
  }

  /** The pair is in another generation. False where the pair is another one than the current. */
  restarted(pair: number, generation: number): boolean {
    if (pair !== this.#pair) return false;
    this.#generation = generation;
    return true;
  }

  /** The other end moves to another device: the next pair is opened. */
  opened(pair: number, generation: number): void {
    this.#before = { pair: this.#pair, generation: this.#generation };
    this.#pair = pair;
    this.#generation = generation;
  }

  /** True once another pair than the first was opened. */
  get moved(): boolean {
    return this.#before !== undefined && this.#pair !== this.#before.pair;
  }

  /** The move to that pair has failed: the pair before it goes on. */
  moveFailed(pair: number): void {
    if (pair !== this.#pair || this.#before === undefined) return;
    this.#pair = this.#before.pair;
    this.#generation = this.#before.generation;
  }

  // Requests. Those of a session that the core has not taken are left out.

  ringing(now: number): void {
    this.#ports.ask("ringing", { session: this.session }, now);
  }

  /** Takes the call, with the answer where that is there. */
  accept(description: Description | undefined, now: number, done: Done): void {
    const answer = description === undefined ? {} : { description };
    this.#ports.ask("accept", { session: this.session, ...answer }, now, done);
  }

  confirm(device: string, now: number, done: Done): void {
    this.#ports.ask("confirm", { session: this.session, device }, now, done);
  }

  signal({ candidates, ...rest }: Signal, now: number, done: Done): void {
    if (this.session === "") return;
    const all = candidates === undefined ? rest : { ...rest, candidates: [...candidates] };
    this.#ports.ask("signal", { ...this.#position, ...all }, now, done);
  }

  /** Asks for the next ICE generation. */
  restart(now: number, done: Done): void {
    this.#ports.ask("restart", this.#position, now, done);
  }

  decline(how: ReturnType<typeof declineOf> & Pick<RequestOf<"decline">, "everywhere">, now: number): void {
    this.#ports.ask("decline", { session: this.session, ...how }, now);
  }

  cancel(now: number): void {
    if (this.session !== "") this.#ports.ask("cancel", { session: this.session }, now);
  }

  hangUp(how: Pick<RequestOf<"hangup">, "reason" | "detail">, now: number): void {
    if (this.session !== "") this.#ports.ask("hangup", { session: this.session, ...how }, now);
  }

  get #position(): { session: string; pair: number; generation: number } {
    return { session: this.session, pair: this.#pair, generation: this.#generation };
  }
}
