import type { PushOf } from "../../../protocol/pushes.ts";
import type { ReplyOf } from "../../../protocol/replies.ts";
import type { RequestOf } from "../../../protocol/requests.ts";
import type { Candidate, Description } from "../../../protocol/values.ts";
import { OwnWords } from "../../own-words.ts";
import type { CameraCall, CameraPorts } from "./camera-context.ts";

/** A camera's leg of a session in the core, whatever the camera speaks: where it stands, and the requests that are made for it. */
export class CameraLeg {
  /** Empty before the core has taken a call of the camera's own. */
  session = "";
  /** The leg has ended. */
  over = false;
  readonly #camera: CameraPorts;
  readonly #call: CameraCall;
  readonly #words: OwnWords;
  #pair = 1;
  #generation = 1;

  constructor(camera: CameraPorts, call: CameraCall) {
    this.#camera = camera;
    this.#call = call;
    this.#words = new OwnWords(camera.context.core);
  }

  /** The core rings the camera. */
  rung({ session, pair, generation }: Omit<PushOf<"incoming">, "seq">): void {
    this.session = session;
    this.#camera.known(this.#call);
    this.#pair = pair;
    this.#generation = generation;
  }

  /** Takes the call. A refusal ends the leg; else `done` gets the reply. */
  accept(
    description: Description | undefined,
    now: number,
    done: (reply: ReplyOf<"accept">, now: number) => void,
  ): void {
    const fields = { session: this.session, ...(description !== undefined && { description }) };
    this.#camera.ask("accept", fields, now, (outcome, later) => {
      if (this.over) return;
      if ("error" in outcome) {
        this.end();
        return;
      }
      const reply = outcome.ok as ReplyOf<"accept">;
      this.#pair = reply.pair;
      this.#generation = reply.generation;
      done(reply, later);
    });
  }

  decline(reason: "busy" | "incompatible", now: number): void {
    if (this.over) return;
    this.#camera.ask("decline", { session: this.session, reason, automatic: true }, now);
    this.end();
  }

  /** Calls `to` with video and sound. `offers`: false where the other device is to make the offer. */
  call(to: string, offers: boolean, now: number): void {
    const fields = { to, media: { audio: true, video: true }, ...(!offers && { offer: false }) };
    this.#camera.ask("call", fields, now, (outcome) => {
      if (this.over) return;
      if ("error" in outcome) {
        this.end();
        return;
      }
      this.session = (outcome.ok as ReplyOf<"call">).session;
      this.#camera.known(this.#call);
      this.#words.begun(this.#camera.device, this.session);
    });
  }

  /** The camera's call was accepted, and is confirmed; then `done` is called. */
  accepted(
    { session, device, generation }: Omit<PushOf<"accepted">, "seq">,
    now: number,
    done: (now: number) => void,
  ): void {
    this.#generation = generation;
    this.#camera.ask("confirm", { session, device }, now, (outcome, later) => {
      if (!("error" in outcome || this.over)) done(later);
    });
  }

  /** True where the signal is of the current pair and generation. */
  isCurrent({ pair, generation }: { readonly pair: number; readonly generation: number }): boolean {
    return pair === this.#pair && generation === this.#generation;
  }

  /** The pair is in another generation. */
  restarted({ pair, generation }: { readonly pair: number; readonly generation: number }): void {
    if (pair === this.#pair) this.#generation = generation;
  }

  signal(
    fields: { description?: Description; candidates?: Candidate[]; endOfCandidates?: boolean },
    now: number,
  ): void {
    const position = { session: this.session, pair: this.#pair, generation: this.#generation };
    this.#camera.ask("signal", { ...position, ...fields }, now);
  }

  /** Ends the session. */
  hangUp(reason: NonNullable<RequestOf<"hangup">["reason"]>, detail: string, now: number): void {
    if (this.over) return;
    if (this.session !== "") this.#camera.ask("hangup", { session: this.session, reason, detail }, now);
    this.end();
  }

  /** The session has ended, or goes on without the camera. */
  end(): void {
    if (this.over) return;
    this.over = true;
    this.#call.ended();
    this.#camera.over(this.#call);
  }

  /** Notes a message between the camera and its gateway for the record of the session. */
  said(word: string, isIncoming: boolean, bytes = 0): void {
    const at = this.#camera.context.core.ports.now();
    const message = { gateway: "mqtt", at, isIncoming, word, ...(bytes > 0 && { bytes }) };
    this.#words.said(this.#camera.device, this.session, message);
  }
}
