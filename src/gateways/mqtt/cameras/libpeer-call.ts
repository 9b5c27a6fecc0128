import type { PushBody, PushOf } from "../../../protocol/pushes.ts";
import type { Candidate, Description } from "../../../protocol/values.ts";
import type { Deadline } from "../../../shared/deadlines.ts";
import { addCandidates, stripCandidates } from "../../../wire/sdp/candidates.ts";
import { formatDescription, parseDescription } from "../../../wire/sdp/description.ts";
import { minimiseAnswer } from "./answer-minimiser.ts";
import type { CameraCall, CameraPorts } from "./camera-context.ts";
import { CameraLeg } from "./camera-leg.ts";
import type { Rpc } from "./rpc.ts";

/** Candidates that are kept for the answer. */
const mostCandidates = 64;

/** States in which a camera has no call. */
const idle: readonly string[] = ["new", "closed", "failed", "disconnected"];
/** Questions in a row that a camera may leave without a reply before its call ends. */
const mostMissed = 3;

type Phase =
  /** The camera calls, and nobody has answered. */
  | "calling"
  /** The camera is called, and its offer is not there yet. */
  | "asking"
  /** The camera's offer is with the caller. */
  | "answering"
  | "active"
  | "over";

/**
 * A call of a libpeer camera. It only makes offers, which have all their candidates, and takes one answer, which must have all of its own.
 * It says nothing by itself, so it is asked now and then whether its call goes on.
 */
export class LibpeerCall implements CameraCall {
  readonly #camera: CameraPorts;
  readonly #leg: CameraLeg;
  readonly #rpc: Rpc;
  #phase: Phase;
  /** The camera was asked for an offer, so that it has to be told the end. */
  #asked = false;
  #offer: string | undefined;
  #offered = false;
  #candidates: readonly Candidate[] = [];
  /** What the other end said last. */
  #theirs: Description | undefined;
  /** The answer is with the camera. */
  #answered = false;
  #theirCandidates: Candidate[] = [];
  #gathered = false;
  #gather: Deadline | undefined;
  #poll: Deadline | undefined;
  #missed = 0;

  constructor(camera: CameraPorts, rpc: Rpc, calls: boolean) {
    this.#camera = camera;
    this.#rpc = rpc;
    this.#leg = new CameraLeg(camera, this);
    this.#phase = calls ? "calling" : "asking";
  }

  get session(): string {
    return this.#leg.session;
  }

  // The camera is called

  /** The core rings the camera, which answers by itself. */
  ring(incoming: Omit<PushOf<"incoming">, "seq">, now: number): void {
    const leg = this.#leg;
    leg.rung(incoming);
    if (!incoming.offer) {
      leg.decline("incompatible", now);
      return;
    }
    this.#ask("state", now, (result, later) => {
      if (result === undefined) leg.decline("incompatible", later);
      else if (!idle.includes(result)) leg.decline("busy", later);
      else this.#askOffer(later, (when) => this.#accept(when));
    });
  }

  #accept(now: number): void {
    if (this.#offer === undefined) {
      this.#leg.decline("incompatible", now);
      return;
    }
    this.#phase = "answering";
    this.#offered = true;
    const description = { type: "offer", sdp: this.#offer } as const;
    this.#leg.accept(description, now, (_, later) => {
      this.#begun(later);
      this.#sendCandidates(later);
    });
  }

  // The camera calls

  /** Calls `to`. The offer is made when somebody answers, or when one is rung that needs it. */
  call(to: string, now: number): void {
    this.#leg.call(to, true, now);
  }

  #accepted(push: Omit<PushOf<"accepted">, "seq">, now: number): void {
    const { description, offer } = push;
    this.#leg.accepted(push, now, (later) => {
      if (offer === false) {
        this.#leg.hangUp("failed", "a libpeer camera makes the offer itself", later);
        return;
      }
      this.#begun(later);
      if (this.#offered) {
        if (description !== undefined) this.#described(description, later);
      } else this.#askOffer(later, (when) => this.#sendOffer(when));
    });
  }

  #sendOffer(now: number): void {
    if (this.#offer === undefined) {
      this.#leg.hangUp("failed", "the camera made no offer", now);
      return;
    }
    if (this.#offered) return;
    this.#offered = true;
    this.#leg.signal({ description: { type: "offer", sdp: this.#offer } }, now);
    this.#sendCandidates(now);
  }

  // Both

  /** Asks the camera for its offer, once. It has all candidates, and gathering takes seconds. */
  #askOffer(now: number, done: (now: number) => void): void {
    if (this.#asked) return;
    this.#asked = true;
    this.#ask("offer", now, (result, later) => {
      const parsed = result === undefined ? undefined : parseDescription(result);
      if (parsed !== undefined && parsed.media.length > 0) {
        const { description, candidates } = stripCandidates(parsed);
        this.#offer = formatDescription(description);
        this.#candidates = candidates as Candidate[];
      }
      done(later);
    });
  }

  /** Both ends know that the call has begun. */
  #begun(now: number): void {
    this.#phase = "active";
    this.#watch(now);
  }

  #sendCandidates(now: number): void {
    const candidates = [...this.#candidates];
    this.#leg.signal({ ...(candidates.length > 0 && { candidates }), endOfCandidates: true }, now);
  }

  #described(description: Description, now: number): void {
    if (description.type === "answer" && this.#theirs === undefined) {
      this.#theirs = description;
      if (this.#gathered) this.#sendAnswer(now);
      else
        this.#gather = this.#camera.context.after(this.#camera.context.limits.cameraGather, now, (later) =>
          this.#sendAnswer(later),
        );
    }
  }

  #gatherMore(candidates: readonly Candidate[], end: boolean, now: number): void {
    for (const one of candidates)
      if (one.candidate === "") this.#gathered = true;
      else if (this.#theirCandidates.length < mostCandidates) this.#theirCandidates.push(one);
    if (end) this.#gathered = true;
    if (this.#gathered && this.#theirs !== undefined) this.#sendAnswer(now);
  }

  /** The camera gets the answer, as small as its memory needs it. */
  #sendAnswer(now: number): void {
    this.#gather?.cancel();
    if (this.#answered || this.#phase === "over" || this.#theirs === undefined) return;
    this.#answered = true;
    const parsed = parseDescription(this.#theirs.sdp);
    const whole =
      parsed && formatDescription(addCandidates(parsed, this.#theirCandidates, false).description);
    const small = minimiseAnswer(whole ?? "");
    if (!small.ok) {
      this.#leg.hangUp("failed", small.error, now);
      return;
    }
    this.#leg.said("answer", false, small.value.length);
    this.#rpc.tell("answer", small.value);
  }

  /** Asks now and then whether the camera's call goes on: it does not say when it ends. */
  #watch(now: number): void {
    const { context } = this.#camera;
    this.#poll = context.after(context.limits.cameraPoll, now, (later) => {
      if (!this.#answered) {
        this.#watch(later);
        return;
      }
      this.#ask("state", later, (state, then) => {
        this.#missed = state === undefined ? this.#missed + 1 : 0;
        if (state !== undefined && idle.includes(state))
          this.#leg.hangUp("hangup", `the camera is ${state}`, then);
        else if (this.#missed >= mostMissed) this.#leg.hangUp("failed", "the camera does not reply", then);
        else this.#watch(then);
      });
    });
  }

  heard(_: "result" | "offer" | "answer" | "ice", text: string, now: number): void {
    this.#rpc.heard(text, now);
  }

  push(push: PushBody, now: number): void {
    switch (push.type) {
      case "accepted":
        this.#accepted(push, now);
        break;
      case "offer_wanted":
        this.#askOffer(now, (later) => this.#sendOffer(later));
        break;
      case "signal":
        if (!this.#leg.isCurrent(push)) break;
        if (push.description !== undefined) this.#described(push.description, now);
        this.#gatherMore(push.candidates ?? [], push.endOfCandidates === true, now);
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
    this.#gather?.cancel();
    this.#poll?.cancel();
    this.#rpc.clear();
    if (this.#asked) {
      this.#leg.said("close", false);
      this.#rpc.tell("close");
    }
  }

  /** Asks the camera. `done` gets its result, or undefined where it has none or is silent. */
  #ask(
    method: "state" | "offer",
    now: number,
    done: (result: string | undefined, now: number) => void,
  ): void {
    this.#leg.said(method, false);
    this.#rpc.ask(method, this.#camera.context.limits.cameraAnswer, now, (outcome, later) => {
      if (this.#phase === "over") return;
      if ("result" in outcome) this.#leg.said(`${method} result`, true, outcome.result.length);
      done("result" in outcome ? outcome.result : undefined, later);
    });
  }
}
