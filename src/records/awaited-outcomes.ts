import type { Device, Outcome } from "../signaling/device.ts";
import type { LadderRow } from "./record.ts";
import { UnansweredRequests } from "./unanswered-requests.ts";

/** What the outcome of a request is written to. */
type Answered = Pick<LadderRow, "outcome">;

/** Rows of requests that get their outcome later: mostly in the same turn, so that one request needs no table. */
export class AwaitedOutcomes {
  readonly #pending = new UnansweredRequests<Answered>();
  /** The request that was heard last, and its row, until something else is heard of it or of another. */
  #askedBy: Device | undefined;
  #askedId = 0;
  #askedRow: Answered | undefined;

  /** The row gets the outcome of this request. */
  await(device: Device, id: number, row: Answered): void {
    this.keep();
    this.#askedBy = device;
    this.#askedId = id;
    this.#askedRow = row;
  }

  /** The request that was heard last is not answered in its turn. */
  keep(): void {
    if (this.#askedBy !== undefined && this.#askedRow !== undefined)
      this.#pending.hold(this.#askedBy, this.#askedId, this.#askedRow);
    this.#askedBy = undefined;
    this.#askedRow = undefined;
  }

  /** Writes an outcome to its row. `silent`: nobody is told of its success. */
  settle(device: Device, id: number, outcome: Outcome, silent: boolean): void {
    const row = this.#take(device, id);
    if (row === undefined) return;
    if ("error" in outcome) row.outcome = outcome.error.code;
    else if (!silent) row.outcome = "ok";
  }

  #take(device: Device, id: number): Answered | undefined {
    if (this.#askedBy !== device || this.#askedId !== id) return this.#pending.take(device, id);
    const row = this.#askedRow;
    this.#askedBy = undefined;
    this.#askedRow = undefined;
    return row;
  }
}
