import type { RequestOf } from "../../protocol/requests.ts";
import type { Outcome } from "../device.ts";
import { done, failed } from "../outcome.ts";
import type { Leg } from "./leg.ts";
import { Pair, type PairHost, takesNone, takesOffers } from "./pair.ts";
import type { Ring } from "./ring.ts";
import type { PairsSnapshot, RestoredLegs } from "./session-snapshot.ts";

/** The pairs of a session: the current one, and the next one while the session moves. */
export class Pairs {
  readonly #session: string;
  readonly #host: PairHost;
  current: Pair;
  next: Pair | undefined;
  /** Pairs so far. A number is used once: what was sent for a move that failed must not reach the next one. */
  count = 1;
  /** Generations of all pairs together. */
  generations = 1;

  constructor(session: string, caller: Leg, host: PairHost) {
    this.#session = session;
    this.#host = host;
    this.current = new Pair(1, session, caller, undefined, host);
  }

  /** The callee makes the first offer of the first pair. */
  invert(callee: Leg): void {
    this.current.invert(callee);
    this.generations += 1;
  }

  /** The first pair has these two ends, and nothing has been said in it. */
  remake(offerer: Leg, answerer: Leg): void {
    this.current = new Pair(this.current.number, this.#session, offerer, answerer, this.#host);
  }

  /** Opens the next pair, between the end that stays, which offers, and the one that comes. */
  open(offerer: Leg, answerer: Leg): Pair {
    this.count += 1;
    this.generations += 1;
    this.next = new Pair(this.count, this.#session, offerer, answerer, this.#host);
    return this.next;
  }

  /** The next pair is the current one from now on. */
  commit(): void {
    this.current = this.next!;
    this.next = undefined;
  }

  abandon(): void {
    this.next = undefined;
  }

  snapshot(): PairsSnapshot {
    const { count, generations } = this;
    return { current: this.current.snapshot(), next: this.next?.snapshot(), count, generations };
  }

  restore({ current, next, count, generations }: PairsSnapshot, legs: RestoredLegs): void {
    this.current = Pair.restore(current, this.#session, legs, this.#host);
    this.next = next === undefined ? undefined : Pair.restore(next, this.#session, legs, this.#host);
    this.count = count;
    this.generations = generations;
  }

  /** The pair of that number, where the leg has part in it. */
  of(leg: Leg, number: number): Pair | undefined {
    // Asked for every signal: the current one in nearly all cases.
    const pair = this.current.number === number ? this.current : this.next;
    return pair?.number === number && pair.has(leg) ? pair : undefined;
  }

  signal(leg: Leg, request: RequestOf<"signal">, now: number): Outcome {
    const pair = this.of(leg, request.pair);
    if (pair === undefined) {
      // Candidates of a pair that a move has closed are simply late.
      const late = request.pair <= this.count && request.description === undefined;
      return late ? done : failed("stale_pair");
    }
    if (pair === this.next && !pair.open)
      return failed("wrong_state", "the pair opens when the device has accepted");
    return pair.relay(leg, request, now);
  }

  /** One end refuses an offer of the other; see {@link Pair.refuse}. */
  refuse(leg: Leg, request: RequestOf<"signal">, now: number): Outcome | "hopeless" {
    const { description, candidates, endOfCandidates, media } = request;
    if ((description ?? candidates ?? endOfCandidates ?? media) !== undefined)
      return failed("bad_request", "refused: goes alone");
    const pair = this.of(leg, request.pair);
    // A pair that a move has closed: its offer is void anyway.
    if (pair === undefined) return request.pair <= this.count ? done : failed("stale_pair");
    return pair.refuse(leg, request, now);
  }

  /** The offer of a caller that was asked for it: it goes to whose device needs it to ring, and to who answers. */
  earlyOffer(leg: Leg, request: RequestOf<"signal">, ring: Ring, now: number): Outcome {
    const { description, media, ...rest } = request;
    if (request.pair !== 1 || request.generation !== 1) return failed("stale_pair");
    if (description?.type !== "offer") return failed("wrong_state", "it is an offer that was asked for");
    const refusal = this.current.refusal(leg, description);
    if (refusal !== undefined) return { error: refusal };
    this.current.described(leg, description);
    ring.offered(description, media, now);
    return this.signal(leg, rest, now);
  }

  /** Compare-and-set to the next generation: of two ends that ask at once both hear the same one. */
  restart(
    leg: Leg,
    request: RequestOf<"restart">,
    ticket: (leg: Leg) => string,
    now: number,
  ): Outcome | undefined {
    const pair = this.of(leg, request.pair);
    if (pair === undefined) return failed("stale_pair");
    if (!pair.open) return failed("wrong_state");
    // Who can't be asked to restart asks for it with the offer at hand.
    const brings = leg.device?.capabilities.iceRestart === false;
    const offerer = brings ? leg : pair.restartOfferer();
    const told = (end: Leg) => ({ ...pair.position, offer: end === offerer, ticket: ticket(end) });
    if (request.generation === pair.generation - 1) return { ok: told(leg) };
    if (request.generation !== pair.generation)
      return failed("stale_generation", `the generation is ${pair.generation}`);
    if (!takesOffers(pair.other(offerer))) return failed("incompatible", takesNone);
    this.#nextGeneration(pair, offerer, ticket, now, () =>
      leg.device?.link.reply(request.id, { ok: told(leg) }, now),
    );
    return undefined;
  }

  /** The current pair is in its next generation, though neither end has asked for it: both are told. */
  renew(ticket: (leg: Leg) => string, now: number): Outcome {
    const pair = this.current;
    if (!pair.open) return failed("wrong_state", "nobody has answered yet");
    const offerer = pair.restartOfferer();
    if (!takesOffers(pair.other(offerer))) return failed("incompatible", takesNone);
    this.#nextGeneration(pair, offerer, ticket, now);
    return done;
  }

  /** `reply` comes before either end is told. */
  #nextGeneration(
    pair: Pair,
    offerer: Leg,
    ticket: (leg: Leg) => string,
    now: number,
    reply: () => void = () => {},
  ): void {
    pair.restart();
    this.generations += 1;
    reply();
    for (const end of [pair.offerer, pair.other(pair.offerer)])
      end?.deliver(
        {
          ...{ type: "restart", session: this.#session, ...pair.position },
          ...{ offer: end === offerer, ticket: ticket(end) },
        },
        now,
      );
  }

  resync(leg: Leg, request: RequestOf<"resync">, now: number): Outcome {
    const pair = this.of(leg, request.pair);
    if (pair === undefined) return failed("stale_pair");
    const { number, generation } = pair;
    pair.other(leg)?.deliver({ type: "resync", session: this.#session, pair: number, generation }, now);
    return done;
  }
}
