import type { PushBody, PushOf } from "../../../protocol/pushes.ts";
import type { Candidate, Description } from "../../../protocol/values.ts";
import type { Deadline } from "../../../shared/deadlines.ts";
import { mid } from "../../../wire/sdp/attributes.ts";
import { parseDescription } from "../../../wire/sdp/description.ts";
import { answerInPlace } from "../../answer-on-behalf.ts";
import type { CameraCall, CameraPorts } from "./camera-context.ts";
import { CameraLeg } from "./camera-leg.ts";
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
 *
 * In glare the camera's offer gives way, for the other end made the pair's first one. The camera can't roll back: its offer is answered here,
 * with what the other end said last, and then the other end's offer follows.
 */
export class PiWebrtcCall implements CameraCall {
  /** The call in the camera's topics. */
  readonly client: string;
  readonly #camera: CameraPorts;
  readonly #leg: CameraLeg;
  #phase: Phase;
  /** The mids of the last description of the other end: the camera needs both, mid and index, with each candidate. */
  #mids: readonly (string | undefined)[] = [];
  #timer: Deadline | undefined;
  /** What the other end and the camera said last in an exchange that is complete. */
  #settled: { theirs: string; own: string } | undefined;
  /** The last offer that was not answered: of the other end, or the camera. */
  #offer: { readonly by: "other end" | "camera"; readonly sdp: string } | undefined;
  /** Offers of the camera that were answered here. */
  #answered = 0;

  constructor(camera: CameraPorts, client: string, calls: boolean) {
    this.#camera = camera;
    this.client = client;
    this.#leg = new CameraLeg(camera, this);
    this.#phase = calls ? "calling" : "answering";
  }

  get session(): string {
    return this.#leg.session;
  }

  /** The core rings the camera, which answers by itself. */
  ring(incoming: Omit<PushOf<"incoming">, "seq">, now: number): void {
    this.#leg.rung(incoming);
    if (incoming.offer) {
      this.#leg.decline("incompatible", now);
      return;
    }
    this.#leg.accept(undefined, now, (reply, later) => {
      if (reply.offer === true) {
        this.#leg.hangUp("failed", "the caller makes no offer", later);
        return;
      }
      this.#awaitOffer(later);
      // Phones call with their offer; others make it once somebody has answered.
      if (incoming.description !== undefined) this.#described(incoming.description, later);
    });
  }

  /** Calls `to`, whose device makes the offer. */
  call(to: string, now: number): void {
    this.#leg.call(to, false, now);
  }

  #accepted(push: Omit<PushOf<"accepted">, "seq">, now: number): void {
    const { description } = push;
    this.#leg.accepted(push, now, (later) => {
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
    this.#timer = context.after(context.limits.cameraAnswer, now, (later) =>
      this.#leg.hangUp("failed", detail, later),
    );
  }

  // To the camera

  #described(description: Description, now: number): void {
    const { type, sdp } = description;
    if (type === "answer") {
      if (this.#offer?.by === "camera") this.#settled = { theirs: sdp, own: this.#offer.sdp };
      this.#offer = undefined;
    } else {
      if (this.#offer?.by === "camera") this.#answerCamera(this.#offer.sdp);
      this.#offer = { by: "other end", sdp };
    }
    this.#mids = parseDescription(sdp)?.media.map(mid) ?? [];
    if (this.#phase === "awaiting-offer" && type === "offer") {
      this.#phase = "offered";
      this.#wait("the camera gave no answer", now);
    }
    this.#publish(type, { type, sdp });
  }

  /** The other end ignores this offer of the camera, as its own comes first. */
  #answerCamera(offer: string): void {
    if (this.#settled === undefined) return;
    const { theirs, own } = this.#settled;
    const sdp = answerInPlace(offer, { own: theirs, theirs: own }, this.#answered);
    if (sdp === undefined) return;
    this.#answered += 1;
    this.#settled.own = offer;
    this.#publish("answer", { type: "answer", sdp });
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
    this.#leg.said(word, false, text.length);
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
      this.#leg.said(word, true, text.length);
      this.#leg.signal({ candidates: [candidate] }, now);
      return;
    }
    const sdp = parsePiDescription(text, word);
    // An offer before the first answer, or an answer without an offer, is of a call that is over.
    const expected = this.#phase === "active" || (word === "answer" && this.#phase === "offered");
    if (sdp === undefined || !expected) return;
    this.#leg.said(word, true, text.length);
    this.#phase = "active";
    this.#timer?.cancel();
    const before = this.#offer;
    if (word === "answer") {
      if (before?.by === "other end") this.#settled = { theirs: before.sdp, own: sdp };
      this.#offer = undefined;
    } else if (before?.by === "other end") {
      // The camera made its offer before it got the other end's, and could not use that.
      this.#answerCamera(sdp);
      this.#publish("offer", { type: "offer", sdp: before.sdp });
      return;
    } else this.#offer = { by: "camera", sdp };
    this.#leg.signal({ description: { type: word, sdp } }, now);
  }

  push(push: PushBody, now: number): void {
    switch (push.type) {
      case "accepted":
        this.#accepted(push, now);
        break;
      case "signal":
        if (!this.#leg.isCurrent(push)) break;
        if (push.description !== undefined) this.#described(push.description, now);
        for (const candidate of push.candidates ?? []) this.#candidate(candidate);
        break;
      case "restart":
        this.#leg.restarted(push);
        break;
      case "ended":
        this.#leg.end();
        break;
      default:
    }
  }

  hangUp(now: number): void {
    this.#leg.hangUp("failed", "the camera is gone", now);
  }

  ended(): void {
    this.#phase = "over";
    this.#timer?.cancel();
  }
}
