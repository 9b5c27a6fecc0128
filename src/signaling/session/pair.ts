import { overLimit, type WireError, wireError } from "../../protocol/error-codes.ts";
import type { Limits } from "../../protocol/limits.ts";
import type { PushBody } from "../../protocol/pushes.ts";
import type { RequestOf } from "../../protocol/requests.ts";
import type { Candidate, Description } from "../../protocol/values.ts";
import { longerThan } from "../../shared/utf8.ts";
import type { Outcome } from "../device.ts";
import { done } from "../outcome.ts";
import type { Leg } from "./leg.ts";
import type { PairSnapshot, RestoredLegs } from "./session-snapshot.ts";

/** One direction of a pair: what has been described, and the candidates that wait. */
interface Flow {
  /** The generation of the last description that went this way; 0 before the first. */
  described: number;
  held: Candidate[];
  heldEnd: boolean;
}

/** True when the description carries an address of its sender (RFC 8839 §5.1). */
export function hasCandidates(description: Description): boolean {
  return /^a=candidate:/m.test(description.sdp);
}

/**
 * One RTCPeerConnection pair of a session: whose it is, its ICE generation, and what may cross.
 * Until it is open no candidate crosses, for a candidate carries an address. Candidates wait for the description
 * of their generation; those of an older generation are dropped.
 */
export class Pair {
  readonly number: number;
  readonly session: string;
  readonly #limits: Limits;
  readonly offerer: Leg;
  answerer: Leg | undefined;
  generation = 1;
  open = false;
  readonly connected = new Set<Leg>();
  readonly #fromOfferer: Flow = { described: 0, held: [], heldEnd: false };
  readonly #fromAnswerer: Flow = { described: 0, held: [], heldEnd: false };

  constructor(number: number, session: string, offerer: Leg, answerer: Leg | undefined, limits: Limits) {
    this.number = number;
    this.session = session;
    this.offerer = offerer;
    this.answerer = answerer;
    this.#limits = limits;
  }

  /** Where it stands, as frames tell it. */
  get position(): { pair: number; generation: number } {
    return { pair: this.number, generation: this.generation };
  }

  has(leg: Leg): boolean {
    return leg === this.offerer || leg === this.answerer;
  }

  /** The other end of this leg. */
  other(leg: Leg): Leg | undefined {
    return leg === this.offerer ? this.answerer : this.offerer;
  }

  /** The end that makes the offer of a restart: the pair's offerer, unless only the other one can. */
  restartOfferer(): Leg {
    const able = (leg: Leg | undefined) =>
      leg?.device !== undefined &&
      leg.device.capabilities.sdpRole !== "answer-only" &&
      leg.device.capabilities.iceRestart !== false;
    return !able(this.offerer) && this.answerer !== undefined && able(this.answerer)
      ? this.answerer
      : this.offerer;
  }

  /** Checks a description that is about to go this way; undefined when it may. */
  refusal(from: Leg, description: Description): WireError | undefined {
    const to = this.other(from)?.device;
    const limit = Math.min(this.#limits.sdpBytes, to?.capabilities.maxSdpBytes ?? Number.POSITIVE_INFINITY);
    if (longerThan(description.sdp, limit))
      return overLimit("sdpBytes", "too_large", `an SDP may have ${limit} bytes`);
    if (!this.open && hasCandidates(description)) return wireError("candidates_before_accept");
    return undefined;
  }

  /** Notes that the description of the current generation went this way by another frame (call, accept). */
  described(from: Leg): void {
    this.#flow(from).described = this.generation;
  }

  /** Relays what one end sent, or holds it, or drops it. The peer's mistakes come back as errors. */
  relay(from: Leg, request: RequestOf<"signal">, now: number): Outcome {
    const flow = this.#flow(from);
    const { description, candidates } = request;
    if (request.generation !== this.generation) {
      const late = request.generation < this.generation && description === undefined;
      return late ? done : { error: wireError("stale_generation", `the generation is ${this.generation}`) };
    }
    if (candidates !== undefined && candidates.length > this.#limits.candidates)
      return {
        error: overLimit("candidates", "too_large", `a frame may have ${this.#limits.candidates} candidates`),
      };
    if (description !== undefined) {
      const refusal = this.refusal(from, description);
      if (refusal !== undefined) return { error: refusal };
      flow.described = this.generation;
    }
    const pass = this.open && flow.described === this.generation;
    if (!pass && (candidates !== undefined || request.endOfCandidates === true)) {
      if (flow.held.length + (candidates?.length ?? 0) > this.#limits.heldCandidates)
        return {
          error: overLimit("heldCandidates", "too_large", "too many candidates before their description"),
        };
      if (candidates !== undefined) flow.held.push(...candidates);
      if (request.endOfCandidates === true) flow.heldEnd = true;
    }
    const push: PushBody = {
      type: "signal",
      session: this.session,
      pair: this.number,
      generation: this.generation,
    };
    let worth = false;
    if (description !== undefined) {
      push.description = { type: description.type, sdp: description.sdp };
      worth = true;
    }
    if (pass && candidates !== undefined) {
      push.candidates = candidates;
      worth = true;
    }
    if (pass && request.endOfCandidates === true) {
      push.endOfCandidates = true;
      worth = true;
    }
    if (request.media !== undefined) {
      push.media = request.media;
      worth = true;
    }
    if (worth) this.other(from)?.deliver(push, now);
    if (description !== undefined && this.open) this.#flush(from, now);
    return done;
  }

  /** Lets candidates cross from now on, those that waited first. */
  opens(now: number): void {
    this.open = true;
    this.#flush(this.offerer, now);
    if (this.answerer !== undefined) this.#flush(this.answerer, now);
  }

  /** The next ICE generation; what waited for the last one is void. */
  restart(): void {
    this.generation += 1;
    for (const flow of [this.#fromOfferer, this.#fromAnswerer]) {
      flow.held = [];
      flow.heldEnd = false;
    }
  }

  snapshot(): PairSnapshot {
    return {
      number: this.number,
      generation: this.generation,
      offerer: this.offerer.id,
      answerer: this.answerer?.id,
      open: this.open,
      connected: [...this.connected].map((leg) => leg.id),
      fromOfferer: this.#fromOfferer,
      fromAnswerer: this.#fromAnswerer,
    };
  }

  static restore(snapshot: PairSnapshot, session: string, legs: RestoredLegs, limits: Limits): Pair {
    const { number, offerer, answerer, generation, open, connected, fromOfferer, fromAnswerer } = snapshot;
    const pair = new Pair(number, session, legs.get(offerer), legs.maybe(answerer), limits);
    pair.generation = generation;
    pair.open = open;
    for (const leg of connected) pair.connected.add(legs.get(leg));
    Object.assign(pair.#fromOfferer, fromOfferer, { held: [...fromOfferer.held] });
    Object.assign(pair.#fromAnswerer, fromAnswerer, { held: [...fromAnswerer.held] });
    return pair;
  }

  #flush(from: Leg, now: number): void {
    const flow = this.#flow(from);
    if (flow.described !== this.generation || (flow.held.length === 0 && !flow.heldEnd)) return;
    const push: PushBody = {
      type: "signal",
      session: this.session,
      pair: this.number,
      generation: this.generation,
    };
    if (flow.held.length > 0) push.candidates = flow.held;
    if (flow.heldEnd) push.endOfCandidates = true;
    flow.held = [];
    flow.heldEnd = false;
    this.other(from)?.deliver(push, now);
  }

  #flow(from: Leg): Flow {
    return from === this.offerer ? this.#fromOfferer : this.#fromAnswerer;
  }
}
