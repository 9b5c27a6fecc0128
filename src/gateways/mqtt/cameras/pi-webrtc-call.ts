import type { PushBody, PushOf } from "../../../protocol/pushes.ts";
import type { ReplyOf } from "../../../protocol/replies.ts";
import type { Candidate, Description } from "../../../protocol/values.ts";
import type { Deadline } from "../../../shared/deadlines.ts";
import { mid } from "../../../wire/sdp/attributes.ts";
import { parseDescription } from "../../../wire/sdp/description.ts";
import { OwnWords } from "../../own-words.ts";
import type { CameraCall, CameraPorts } from "./camera-context.ts";
import { parsePiCandidate, parsePiDescription } from "./camera-messages.ts";
import type { PiWord } from "./camera-topics.ts";

type Phase =
  /** The camera calls, and nobody has answered. */
  | "calling"
  /** The camera is called, and has taken the call: the caller confirms it. */
  | "answering"
  /** The session is active, and the camera has had no offer. */
  | "awaiting-offer"
  /** The camera has the offer. */
  | "offered"
  /** The camera has answered: from now on it may make offers too. */
  | "active"
  | "over";

/**
 * A call of a pi-webrtc camera. It answers offers and, once it has answered one, makes some of its own; candidates follow either way. To
 * the camera a call is a client of its broker, whose id stands in the topics. It knows no ring and no hang-up.
 */
export class PiWebrtcCall implements CameraCall {
  session = "";
  /** The call in the camera's topics. */
  readonly client: string;
  readonly #camera: CameraPorts;
  readonly #words: OwnWords;
  #phase: Phase;
  #pair = 1;
  #generation = 1;
  /** The mids of the last description of the other end: the camera needs both, mid and index, with each candidate. */
  #mids: readonly (string | undefined)[] = [];
  #timer: Deadline | undefined;

  constructor(camera: CameraPorts, client: string, calls: boolean) {
    this.#camera = camera;
    this.client = client;
    this.#words = new OwnWords(camera.context.core);
    this.#phase = calls ? "calling" : "answering";
  }

  /** The core rings the camera, which answers by itself. */
  ring({ session, pair, generation, offer }: Omit<PushOf<"incoming">, "seq">, now: number): void {
    this.session = session;
    this.#camera.known(this);
    this.#pair = pair;
    this.#generation = generation;
    if (offer) {
      this.#camera.ask("decline", { session, reason: "incompatible", automatic: true }, now);
      this.#finish();
      return;
    }
    this.#camera.ask("accept", { session }, now, (outcome, later) => {
      if (this.#phase === "over") return;
      if ("error" in outcome) {
        this.#finish();
        return;
      }
      const reply = outcome.ok as ReplyOf<"accept">;
      this.#pair = reply.pair;
      this.#generation = reply.generation;
      if (reply.offer === true) this.#hangUp("the caller makes no offer", later);
      else this.#awaitOffer(later);
    });
  }

  /** Calls `to`, whose device makes the offer. */
  call(to: string, now: number): void {
    const fields = { to, media: { audio: true, video: true }, offer: false };
    this.#camera.ask("call", fields, now, (outcome) => {
      if (this.#phase === "over") return;
      if ("error" in outcome) {
        this.#finish();
        return;
      }
      this.session = (outcome.ok as ReplyOf<"call">).session;
      this.#camera.known(this);
    });
  }

  #accepted(push: Omit<PushOf<"accepted">, "seq">, now: number): void {
    const { session, device, generation, description } = push;
    this.#generation = generation;
    this.#camera.ask("confirm", { session, device }, now, (outcome, later) => {
      if ("error" in outcome || this.#phase === "over") return;
      this.#awaitOffer(later);
      if (description !== undefined) this.#described(description, later);
    });
  }

  #awaitOffer(now: number): void {
    this.#phase = "awaiting-offer";
    this.#wait("no offer came for the camera", now);
  }

  #wait(detail: string, now: number): void {
    const { context } = this.#camera;
    this.#timer?.cancel();
    this.#timer = context.after(context.limits.cameraAnswer, now, (later) => this.#hangUp(detail, later));
  }

  // To the camera

  #described(description: Description, now: number): void {
    this.#mids = parseDescription(description.sdp)?.media.map(mid) ?? [];
    if (this.#phase === "awaiting-offer" && description.type === "offer") {
      this.#phase = "offered";
      this.#wait("the camera gave no answer", now);
    }
    this.#publish(description.type, { type: description.type, sdp: description.sdp });
  }

  /** The camera ends itself where one of the three is not there, or of another type. */
  #candidate({ candidate, sdpMid, sdpMLineIndex }: Candidate): void {
    if (candidate === "") return;
    const index = sdpMLineIndex ?? this.#mids.indexOf(sdpMid ?? "");
    const name = sdpMid ?? this.#mids[index];
    if (index < 0 || name === undefined) return;
    this.#publish("ice", { sdpMid: name, sdpMLineIndex: index, candidate });
  }

  #publish(word: PiWord, message: object): void {
    const text = JSON.stringify(message);
    this.#said(word, false, text.length);
    this.#camera.send(`${word}/${this.client}`, text);
  }

  // From the camera

  heard(word: "result" | PiWord, text: string, now: number): void {
    if (word === "result") return;
    if (word === "ice") {
      const candidate = parsePiCandidate(text);
      // A candidate for no description means nothing.
      const early = this.#phase !== "offered" && this.#phase !== "active";
      if (candidate === undefined || early) return;
      this.#said(word, true, text.length);
      this.#signal({ candidates: [candidate] }, now);
      return;
    }
    const sdp = parsePiDescription(text, word);
    // An offer before the first answer, or an answer without an offer, is of a call that is over.
    const expected = this.#phase === "active" || (word === "answer" && this.#phase === "offered");
    if (sdp === undefined || !expected) return;
    this.#said(word, true, text.length);
    this.#phase = "active";
    this.#timer?.cancel();
    this.#signal({ description: { type: word, sdp } }, now);
  }

  push(push: PushBody, now: number): void {
    switch (push.type) {
      case "accepted":
        this.#accepted(push, now);
        break;
      case "signal":
        if (push.pair !== this.#pair || push.generation !== this.#generation) break;
        if (push.description !== undefined) this.#described(push.description, now);
        for (const candidate of push.candidates ?? []) this.#candidate(candidate);
        break;
      case "restart":
        if (push.pair === this.#pair) this.#generation = push.generation;
        break;
      case "ended":
        this.#finish();
        break;
      default:
    }
  }

  hangUp(now: number): void {
    this.#hangUp("the camera is gone", now);
  }

  #hangUp(detail: string, now: number): void {
    if (this.#phase === "over") return;
    const fields = { session: this.session, reason: "failed", detail } as const;
    if (this.session !== "") this.#camera.ask("hangup", fields, now);
    this.#finish();
  }

  #finish(): void {
    this.#phase = "over";
    this.#timer?.cancel();
    this.#camera.over(this);
  }

  #signal(fields: { description?: Description; candidates?: Candidate[] }, now: number): void {
    const position = { session: this.session, pair: this.#pair, generation: this.#generation };
    this.#camera.ask("signal", { ...position, ...fields }, now);
  }

  #said(word: string, isIncoming: boolean, bytes: number): void {
    const at = this.#camera.context.core.ports.now();
    this.#words.said(this.#camera.device, this.session, { gateway: "mqtt", at, isIncoming, word, bytes });
  }
}
