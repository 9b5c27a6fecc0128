import type { WireReason } from "../../protocol/end-reasons.ts";
import type { RequestOf } from "../../protocol/requests.ts";
import type { Device, Outcome } from "../device.ts";
import { failed } from "../outcome.ts";
import type { Session } from "../session/session.ts";
import type { StreamPart, StreamRole } from "./stream-part.ts";

/** A session with the media server, as that server uses it. The client is the caller; the media server only answers. */
export class StreamSession {
  readonly id: string;
  readonly role: StreamRole;
  /** The stream's name, without `stream:`. */
  readonly stream: string;
  /** Who publishes or views, as it was signed in at the start. */
  readonly client: Device;
  readonly #session: Session;

  constructor(session: Session, { name, role }: StreamPart, client: Device) {
    this.id = session.id;
    this.role = role;
    this.stream = name;
    this.client = client;
    this.#session = session;
  }

  get over(): boolean {
    return this.#session.state === "ended";
  }

  /** Answers the client's offer of that generation. `stale_generation` where another offer has overtaken it. */
  answer(generation: number, sdp: string, now: number): Outcome {
    return this.#signal({ generation, description: { type: "answer", sdp } }, now);
  }

  /**
   * Refuses the client's offer of that generation. Without an earlier answer the session is over with that. `incompatible`
   * where the client can't be refused an offer.
   */
  refuse(generation: number, reason: string, now: number): Outcome {
    return this.#signal({ generation, refused: { reason: reason.slice(0, 128) } }, now);
  }

  /** Media flows: for the record of the session. */
  connected(now: number): void {
    const { callee } = this.#session;
    const stats = { state: "connected" } as const;
    if (callee !== undefined)
      this.#session.report(callee, { id: 0, type: "report", session: this.id, stats }, now);
  }

  /** Ends the session from the media server's side. `detail` is for logs and developers. */
  end(reason: WireReason, now: number, detail?: string): void {
    const { callee } = this.#session;
    this.#session.end(reason, now, { ...(callee && { by: callee }), detail });
  }

  /** The client, which speaks another protocol than this one, has left by itself. */
  left(now: number): void {
    this.#session.end("hangup", now, { by: this.#session.caller });
  }

  #signal(fields: Partial<RequestOf<"signal">> & { generation: number }, now: number): Outcome {
    const session = this.#session;
    const { callee } = session;
    if (callee === undefined) return failed("no_session");
    const { number: pair } = session.pairs.current;
    return session.signal(callee, { id: 0, type: "signal", session: this.id, pair, ...fields }, now);
  }
}
