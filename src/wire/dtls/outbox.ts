import type { DtlsCrypto } from "./crypto.ts";
import { type Flight, packFlight } from "./flight.ts";
import type { RecordKeys } from "./key-schedule.ts";
import type { PathBudget } from "./path-budget.ts";
import { contentType } from "./record.ts";
import { RecordWriter } from "./record-protection.ts";
import { Retransmission } from "./retransmission.ts";

export interface OutboxOptions {
  readonly crypto: DtlsCrypto;
  readonly mtu: number;
  readonly initialTimeout: number;
  readonly path: PathBudget;
  send(datagram: Uint8Array): void;
}

/** What a session sends: its current flight, as often as needed and as far as the path allows, and alerts. */
export class Outbox {
  readonly #mtu: number;
  readonly #send: (datagram: Uint8Array) => void;
  readonly #writer: RecordWriter;
  readonly #retransmission: Retransmission;
  #path: PathBudget;
  #flight: Flight | undefined;
  /** The flight waits until the path allows so many bytes. */
  #waits = false;
  /** 1 from our first ChangeCipherSpec on. */
  #epoch: 0 | 1 = 0;

  constructor({ crypto, mtu, initialTimeout, path, send }: OutboxOptions) {
    this.#mtu = mtu;
    this.#send = send;
    this.#writer = new RecordWriter(crypto);
    this.#retransmission = new Retransmission(initialTimeout);
    this.#path = path;
  }

  get path(): PathBudget {
    return this.#path;
  }

  /** When `repeat` is due. Without a proved path only the peer's repeats make ours. */
  get repeatAt(): number | undefined {
    return this.#path.proved ? this.#retransmission.dueAt : undefined;
  }

  usePath(path: PathBudget, now: number): void {
    this.#path = path;
    this.flush(now);
  }

  protectWith(keys: RecordKeys): void {
    this.#writer.protectWith(keys);
  }

  /** Sends a new flight. The timer repeats it where an answer is awaited. */
  send(flight: Flight, awaitsAnswer: boolean, now: number): void {
    this.#flight = flight;
    this.#retransmission.reset(awaitsAnswer);
    if (flight.sealed !== undefined) this.#epoch = 1;
    this.#sendFlight(now);
  }

  /** Sends a flight that waits, if the path allows it by now. */
  flush(now: number): void {
    if (this.#waits) this.#sendFlight(now);
  }

  /** Sends the flight again because its time has come. */
  repeat(now: number): void {
    this.#retransmission.backOff();
    this.#sendFlight(now);
  }

  /** Sends the flight again because the peer has repeated its own; false when it was sent a moment ago. */
  answer(now: number): boolean {
    if (!this.#waits && !this.#retransmission.mayAnswer(now)) return false;
    this.#sendFlight(now);
    return true;
  }

  alert(level: number, code: number): void {
    const record = this.#writer.record(contentType.alert, this.#epoch, Uint8Array.of(level, code));
    if (this.#path.spend(record.length)) this.#send(record);
  }

  /** No answer is awaited any more. */
  stopTimer(): void {
    this.#retransmission.stop();
  }

  /** Nothing is to be sent again. */
  forget(): void {
    this.#retransmission.stop();
    this.#flight = undefined;
    this.#waits = false;
  }

  /** Sends the flight as a whole, or not at all while the path does not allow it. */
  #sendFlight(now: number): void {
    if (this.#flight === undefined) return;
    const datagrams = packFlight(this.#flight, this.#mtu, this.#writer);
    const bytes = datagrams.reduce((sum, { length }) => sum + length, 0);
    this.#waits = !this.#path.spend(bytes);
    if (this.#waits) return;
    this.#retransmission.sent(now);
    for (const datagram of datagrams) this.#send(datagram);
  }
}
