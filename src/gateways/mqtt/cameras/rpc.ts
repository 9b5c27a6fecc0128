import type { Deadline } from "../../../shared/deadlines.ts";
import { parseReply, requestText } from "./camera-messages.ts";

/** What came of a request: a result, the camera's error, or nothing in time. */
type RpcOutcome = { readonly result: string } | { readonly error: number | "timeout" };

type Done = (outcome: RpcOutcome, now: number) => void;

interface Waiting {
  readonly done: Done;
  readonly timer: Deadline;
}

export interface RpcPorts {
  send(text: string): void;
  after(ms: number, now: number, due: (now: number) => void): Deadline;
}

/** The requests to one camera. A reply with an id that nobody waits for is ignored. */
export class Rpc {
  readonly #ports: RpcPorts;
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;

  constructor(ports: RpcPorts) {
    this.#ports = ports;
  }

  /** Asks, and calls `done` once: with the reply, or after `timeout` ms. */
  ask(method: "state" | "offer", timeout: number, now: number, done: Done): void {
    const id = this.#nextId();
    const timer = this.#ports.after(timeout, now, (later) => {
      this.#waiting.delete(id);
      done({ error: "timeout" }, later);
    });
    this.#waiting.set(id, { done, timer });
    this.#ports.send(requestText(id, method));
  }

  /** Says something that nobody waits for a reply to. */
  tell(method: "answer" | "close", params?: string): void {
    this.#ports.send(requestText(this.#nextId(), method, params));
  }

  /** The camera published a result. False: it is no reply to anything. */
  heard(text: string, now: number): boolean {
    const reply = parseReply(text);
    const waiting = reply && this.#waiting.get(reply.id);
    if (reply === undefined || waiting === undefined) return false;
    this.#waiting.delete(reply.id);
    waiting.timer.cancel();
    waiting.done(reply, now);
    return true;
  }

  /** Forgets what was asked: the call is over, or the camera is gone. */
  clear(): void {
    for (const { timer } of this.#waiting.values()) timer.cancel();
    this.#waiting.clear();
  }

  #nextId(): number {
    this.#lastId = (this.#lastId % 0x7f_ff_ff_ff) + 1;
    return this.#lastId;
  }
}
