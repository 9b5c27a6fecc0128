import { overLimit, type WireError, wireError } from "../../protocol/error-codes.ts";
import type { Limits } from "../../protocol/limits.ts";
import type { PushBody } from "../../protocol/pushes.ts";
import type { RequestOf } from "../../protocol/requests.ts";
import type { Candidate, Description } from "../../protocol/values.ts";
import { longerThan } from "../../shared/utf8.ts";
import type { Outcome } from "../device.ts";
import { done, failed } from "../outcome.ts";
import type { Ports } from "../ports.ts";
import type { Leg } from "./leg.ts";
import type { PairSnapshot, RestoredLegs } from "./session-snapshot.ts";

/** One direction of a pair: what has been described, and the candidates that wait. */
interface Flow {
  /** The generation of the last description that went this way; 0 before the first. */
  described: number;
  held: Candidate[];
  heldEnd: boolean;
  /** An offer of the current generation went this way, and nobody has answered or refused it. */
  offered: boolean;
  /** The last description that went this way, where one end takes no offers in a call: see {@link takesOffers}. */
  sdp?: string | undefined;
}

/** What a pair needs of its session's keeper. */
export interface PairHost {
  readonly limits: Limits;
  readonly ports: Pick<Ports, "answerFor">;
}

/**
 * True where the end takes offers in a call. For one that takes none the server answers, and refuses what it can't answer: an offer that is
 * taken back can cost Chromium its media.
 */
export function takesOffers(leg: Leg | undefined): boolean {
  const { renegotiation, sdpRole } = leg?.device?.capabilities ?? {};
  return renegotiation !== "none" && sdpRole !== "offer-only";
}

/** Why such an end gets no offer. */
export const takesNone = "the other device takes no offers in a call";

const untouched = (): Flow => ({ described: 0, held: [], heldEnd: false, offered: false });

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
  readonly #host: PairHost;
  offerer: Leg;
  answerer: Leg | undefined;
  generation = 1;
  open = false;
  /** An offer was answered: there is something to go back to when a later one is refused. */
  established = false;
  readonly connected = new Set<Leg>();
  #fromOfferer = untouched();
  #fromAnswerer = untouched();
  /** Offers that were answered in place of an end. */
  #answeredInPlace = 0;

  constructor(number: number, session: string, offerer: Leg, answerer: Leg | undefined, host: PairHost) {
    this.number = number;
    this.session = session;
    this.offerer = offerer;
    this.answerer = answerer;
    this.#host = host;
  }

  get #limits(): Limits {
    return this.#host.limits;
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

  /** Notes that a description of the current generation goes this way, by whatever frame (signal, call, accept). */
  described(from: Leg, { type, sdp }: Description): void {
    const flow = this.#flow(from);
    flow.described = this.generation;
    flow.sdp = sdp;
    if (type === "offer") flow.offered = true;
    else {
      // Who answers has no offer of its own left: in glare it was taken back.
      this.#fromOfferer.offered = false;
      this.#fromAnswerer.offered = false;
      this.established = true;
      if (takesOffers(this.offerer) && takesOffers(this.answerer))
        for (const way of [this.#fromOfferer, this.#fromAnswerer]) way.sdp = undefined;
    }
  }

  /**
   * One end can't use the other end's offer, and says so in place of an answer: both go back to what stood before.
   * `hopeless`: nothing stood before.
   */
  refuse(from: Leg, { generation, refused }: RequestOf<"signal">, now: number): Outcome | "hopeless" {
    // The offer that a restart has overtaken is void anyway.
    if (generation < this.generation) return done;
    if (generation > this.generation)
      return failed("stale_generation", `the generation is ${this.generation}`);
    const offerer = this.other(from);
    if (!this.open || offerer === undefined || !this.#flow(offerer).offered)
      return failed("wrong_state", "no offer waits for an answer");
    if (!this.established) return "hopeless";
    const { device } = offerer;
    if (device !== undefined && device.capabilities.refusals !== true)
      return failed("incompatible", "the other end can't be refused an offer");
    this.#flow(offerer).offered = false;
    offerer.deliver({ type: "signal", session: this.session, ...this.position, refused: refused! }, now);
    return done;
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
      if (description.type === "offer" && this.established && !takesOffers(this.other(from)))
        return this.#answerInPlace(from, description.sdp, now);
      this.described(from, description);
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

  /** An offer to an end that takes none: the server answers it, or refuses it. */
  #answerInPlace(from: Leg, offer: string, now: number): Outcome {
    const [theirs, own] = [
      this.#flow(from),
      this.#flow(from === this.offerer ? this.answerer! : this.offerer),
    ];
    const place = { type: "signal", session: this.session, ...this.position } as const;
    const sdp =
      own.sdp === undefined
        ? undefined
        : this.#host.ports.answerFor(offer, { own: own.sdp, theirs: theirs.sdp }, this.#answeredInPlace);
    if (sdp !== undefined) {
      this.#answeredInPlace += 1;
      theirs.sdp = offer;
      from.deliver({ ...place, description: { type: "answer", sdp } }, now);
    } else if (from.device?.capabilities.refusals === true)
      from.deliver({ ...place, refused: { reason: takesNone } }, now);
    else return failed("incompatible", takesNone);
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
      flow.offered = false;
    }
  }

  /** That end, which has answered, makes the first offer. What the other one has sent so far is void: it was of the last generation. */
  invert(offerer: Leg): void {
    this.answerer = this.offerer;
    this.offerer = offerer;
    this.generation += 1;
    this.#fromOfferer = untouched();
    this.#fromAnswerer = untouched();
  }

  snapshot(): PairSnapshot {
    return {
      number: this.number,
      generation: this.generation,
      offerer: this.offerer.id,
      answerer: this.answerer?.id,
      open: this.open,
      established: this.established,
      connected: [...this.connected].map((leg) => leg.id),
      fromOfferer: this.#fromOfferer,
      fromAnswerer: this.#fromAnswerer,
    };
  }

  static restore(snapshot: PairSnapshot, session: string, legs: RestoredLegs, host: PairHost): Pair {
    const { number, offerer, answerer, generation, open, connected, fromOfferer, fromAnswerer } = snapshot;
    const pair = new Pair(number, session, legs.get(offerer), legs.maybe(answerer), host);
    pair.generation = generation;
    pair.open = open;
    pair.established = snapshot.established ?? open;
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
