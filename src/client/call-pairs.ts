import type { PushOf } from "../protocol/pushes.ts";
import type { Stats } from "../protocol/values.ts";
import type { Call } from "./api.ts";
import type { ClientInternals } from "./client-internals.ts";
import { SwitchboardError, toError } from "./error.ts";
import type { SourceMedia } from "./local-media.ts";
import { Pair, type PairEvents, type PairSignal, type SentSignal } from "./pair.ts";
import { Recovery } from "./recovery.ts";

/** A pair that opens. `bundle` is false where the other end may not bundle. */
export type FirstPair = Pick<PushOf<"pair">, "pair" | "generation" | "offer"> &
  Pick<PushOf<"accepted">, "bundle">;

/** The call that pairs belong to, and what it is told of them. */
export interface PairsOwner extends Call {
  readonly media: SourceMedia | undefined;
  /** Labels of its data channels. */
  readonly channels: ReadonlyMap<string, unknown>;
  /** A pair was made: the call attaches its media. */
  opened(pair: Pair): void;
  /** This pair is in use from now on: its connection carries the data channels. */
  used(pair: Pair): void;
  /** What the other end sends over the pair in use may have changed. */
  onReceived(pair: Pair): void;
  /** The other end opened a channel on the pair in use. */
  onChannel(pair: Pair, channel: RTCDataChannel): void;
  /** The pair in use is connected, or has lost its connection. */
  flows(works: boolean): void;
  /** The pair in use failed for good. */
  fail(error: SwitchboardError): void;
}

const reportEvery = 10_000;

/**
 * The connections of a call: the pair in use, and the next one while a move is on. Restarts ICE when the path fails, and sends
 * reports on the pair in use to the server.
 */
export class CallPairs implements PairEvents {
  #current: Pair | undefined;
  #next: Pair | undefined;
  /** The pair in use was opened while the call still rang. */
  #early: true | undefined;
  #recoveryTimer: ReturnType<typeof setTimeout> | undefined;
  #reportTimer: ReturnType<typeof setInterval> | undefined;
  readonly #recovery = new Recovery();
  readonly #client: ClientInternals;
  readonly #call: PairsOwner;

  constructor(client: ClientInternals, call: PairsOwner) {
    this.#client = client;
    this.#call = call;
  }

  /** The pair in use. */
  get current(): Pair | undefined {
    return this.#current;
  }

  /** The pair in use and the next one, if there are any. */
  get all(): Pair[] {
    return [this.#current, this.#next].filter((pair) => !!pair);
  }

  /**
   * Opens a pair. The first one is in use at once, a later one when the server says `moved`. `early`: the call still rings, and
   * this end's offer is needed to ring some devices.
   */
  open({ offer, bundle = offer, pair: number, generation }: FirstPair, early?: true): void {
    const there = this.#early && offer;
    // The call became another one (glare), in which the other end offers.
    if (this.#early && !there) this.#current = this.#current?.close() as undefined;
    this.#early = early;
    if (!there) {
      const pc = this.#client.newPeerConnection(this.#call, bundle);
      const pair = new Pair(number, generation, offer, pc, this);
      this.#call.opened(pair);
      if (this.#current) {
        this.#next?.close();
        this.#next = pair;
      } else {
        this.#current = pair;
        this.#call.used(pair);
      }
      pair.begin(this.#call.channels.size);
    }
    if (early || this.#next) return;
    this.#recovery.start(Date.now());
    this.#schedule();
  }

  /** Hands a push on to the pair that it is about. */
  signaled(push: PushOf<"signal"> | PushOf<"accepted"> | PushOf<"restart"> | PushOf<"resync">): void {
    const pair = this.all.find(({ number }) => number === push.pair);
    if (push.type === "restart") {
      pair?.restart(push);
      this.#recovery.restarted(Date.now());
    } else if (push.type === "resync") pair?.resync();
    else pair?.receive(push as PairSignal);
  }

  /** Switches to the next pair, if it has this number, and closes the older one. */
  commit(number: number): void {
    const next = this.#next;
    if (next?.number !== number) return;
    this.#next = undefined;
    const old = this.#current;
    this.#current = next;
    this.#call.used(next);
    this.onReceived(next);
    old?.close();
    this.onState(next);
  }

  /** Gives up the next pair: the one with this number, or any. */
  drop(number = this.#next?.number): void {
    if (this.#next?.number !== number) return;
    this.#next?.close();
    this.#next = undefined;
  }

  /** The server found the session again, with this pair: both ends repeat what may have been lost. */
  found(push: PushOf<"session">): void {
    const { session, pair, generation } = push;
    this.commit(pair);
    this.drop();
    this.#current?.restart(push);
    void this.#client.say("resync", { session, pair, generation });
    this.#current?.resync();
    void this.report();
  }

  /** Both ends' links to the server are up, or one is not. */
  links(up: boolean): void {
    this.#recovery.links(up, Date.now());
    this.#schedule();
  }

  /** Restarts ICE, by compare-and-set to the next generation: an end that loses the race gets the restart it wanted. */
  async restartIce(session: string): Promise<void> {
    const pair = this.#current as Pair;
    const { number, generation } = pair;
    await this.#client
      .ask("restart", { session, pair: number, generation }, { done: (now) => pair.restart(now) })
      .catch((error) => {
        if (!SwitchboardError.is(error, "stale_generation")) throw error;
      });
  }

  /** Sends statistics of a pair to the server; by default of the pair in use. */
  async report(pair = this.#current): Promise<void> {
    const session = this.#call.id;
    if (!pair || pair.state === "new" || !session) return;
    const { state, number } = pair;
    const own = { ...this.#call.media?.stats, pair: number, state };
    const stats = { ...own, ...(await pair.stats().catch(() => undefined))?.summary };
    if (session === this.#call.id) void this.#client.say("report", { session, stats: stats as Stats });
  }

  close(): void {
    clearTimeout(this.#recoveryTimer);
    clearInterval(this.#reportTimer);
    for (const pair of this.all) pair.close();
  }

  onSignal({ number: pair }: Pair, signal: SentSignal): void {
    const session = this.#call.id;
    if (session) void this.#client.say("signal", { session, pair, ...signal });
  }

  onState(pair: Pair): void {
    void this.report(pair);
    if (pair !== this.#current) return;
    const { state } = pair;
    this.#recovery.state(state, Date.now());
    this.#schedule();
    if (state === "connected") this.#reportTimer ??= setInterval(() => void this.report(), reportEvery);
    if (state !== "connecting") this.#call.flows(state === "connected");
  }

  onReceived(pair: Pair): void {
    if (pair === this.#current) this.#call.onReceived(pair);
  }

  onChannel(pair: Pair, channel: RTCDataChannel): void {
    if (pair === this.#current) this.#call.onChannel(pair, channel);
  }

  onRefusal(pair: Pair, error: unknown): void {
    const { number, generation } = pair;
    const session = this.#call.id as string;
    const refused = { reason: String(error).slice(0, 128) };
    const fail = (why?: unknown) => {
      // Any other refusal comes too late: the offer is void by now, or the session is.
      if (!why || SwitchboardError.is(why, "incompatible")) this.onFailure(pair, error);
    };
    if (this.#client.refuses)
      this.#client.ask("signal", { session, pair: number, generation, refused }).catch(fail);
    else fail();
  }

  onFailure(pair: Pair, error: unknown): void {
    this.#client.log("warn", "negotiation_failed", { error });
    if (pair === this.#current) this.#call.fail(toError(error, "negotiation_failed"));
    else this.drop(pair.number);
  }

  #schedule(): void {
    clearTimeout(this.#recoveryTimer);
    const at = this.#recovery.nextDeadline;
    if (!at) return;
    const help = () => {
      const step = this.#recovery.tick(Date.now());
      if (step === "fail") {
        this.#call.fail(new SwitchboardError("negotiation_failed"));
        return;
      }
      if (step) void this.#call.restartIce();
      this.#schedule();
    };
    this.#recoveryTimer = setTimeout(help, Math.max(0, at - Date.now()));
  }
}
