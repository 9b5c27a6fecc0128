/** What a message costs beside its bytes, in bytes. */
const messageCost = 1_024;
/**
 * What a connection may have done as it comes, in bytes. The rest waits for the next turn of the event loop, which allows as much again. Time
 * allows nothing: messages that take long would earn it while they are acted on.
 */
const mostDirect = 12_288;
/** The same for protocols whose messages take several times as long as ours: the first message, and no more. */
export const oneDirect = 0;
/** How long each turn of the event loop works on what waits. ms */
const slice = 1;
/**
 * Bytes that may wait: of one connection, and of all together. A client that keeps to `requestsInFlight` has about a MiB without a reply at
 * most, for a request that waits has no reply.
 */
const mostWaiting: Most = { each: 1_572_864, all: 67_108_864 };

interface Most {
  readonly each: number;
  readonly all: number;
}

/** What stands behind a {@link Backlog}: a connection. */
export interface Worker<Message> {
  /**
   * `came`: when the message came, in the time of {@link Backlog.take}; rates are of that, and not of when it is acted on. `waited`: that was
   * in an earlier turn.
   */
  perform(message: Message, came: number, waited: boolean): void;
  /** More waits than may: close it. */
  flooded(): void;
  /** `perform` threw: close it. */
  failed(): void;
}

/** The platform's event loop. */
export interface EventLoop {
  /** Runs the task in the next turn, after what has come meanwhile. */
  next(task: () => void): void;
  /** Milliseconds, with their fractions. */
  clock(): number;
  /** A connection is about to be closed, for too much of it waits. */
  flooded(): void;
  /** Reports a fault of ours. */
  fault(where: string, error: unknown): void;
}

/**
 * Shares the event loop among connections. A little of what a connection sends is acted on as it comes. The rest waits, and each
 * turn works on it for about a millisecond, one message of each connection after the other. So a connection that brings much at
 * once delays its own messages, and those of others hardly. It is closed where too much of it waits, and so is whoever has most waiting
 * where all together have too much.
 */
export class FairQueue {
  readonly #loop: EventLoop;
  readonly #most: Most;
  /** Those with something waiting, the next one first. */
  readonly #backlogs = new Set<Backlog<unknown>>();
  #bytes = 0;
  #turn = 0;
  #scheduled = false;
  readonly #work = (): void => {
    this.#scheduled = false;
    this.#turn += 1;
    if (this.#backlogs.size > 0) this.#step();
  };

  constructor(loop: EventLoop, most = mostWaiting) {
    this.#loop = loop;
    this.#most = most;
  }

  /** Bytes that wait, and what their messages cost beside them. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Numbers this turn of the event loop: the next one has another number. */
  thisTurn(): number {
    this.#schedule();
    return this.#turn;
  }

  /** When a turn that begins now has worked enough, in the time of {@link over}. */
  get end(): number {
    return this.#loop.clock() + slice;
  }

  /** Whether that time is over. */
  over(end: number): boolean {
    return this.#loop.clock() >= end;
  }

  /** So much more, or less, waits in this backlog. */
  changed(backlog: Backlog<unknown>, by: number): void {
    this.#bytes += by;
    if (backlog.bytes === 0) this.#backlogs.delete(backlog);
    else this.#backlogs.add(backlog);
    const over = backlog.bytes > this.#most.each;
    const flooding = over ? backlog : this.#bytes > this.#most.all ? this.#largest() : undefined;
    if (flooding !== undefined) {
      this.#loop.flooded();
      flooding.flooded();
    }
    if (this.#backlogs.size > 0) this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#loop.next(this.#work);
  }

  #step(): void {
    const { end } = this;
    for (const backlog of this.#backlogs) {
      // What goes on waiting goes behind the others.
      this.#backlogs.delete(backlog);
      try {
        backlog.step();
      } catch (error) {
        this.#loop.fault("connection", error);
        backlog.failed();
      }
      if (this.over(end)) break;
    }
    if (this.#backlogs.size > 0) this.#schedule();
  }

  #largest(): Backlog<unknown> | undefined {
    let largest: Backlog<unknown> | undefined;
    for (const backlog of this.#backlogs)
      if (largest === undefined || backlog.bytes > largest.bytes) largest = backlog;
    return largest;
  }
}

/** The messages of one connection, in their order. There is one for each connection: most of the time it holds nothing. */
export class Backlog<Message> {
  readonly #queue: FairQueue;
  readonly #worker: Worker<Message>;
  /** What was done as it came, in that turn of the event loop. */
  #direct = 0;
  #turn = -1;
  #waiting: { readonly message: Message; readonly cost: number; readonly came: number }[] | undefined;
  #bytes = 0;
  readonly #mostDirect: number;

  constructor(queue: FairQueue, worker: Worker<Message>, most = mostDirect) {
    this.#queue = queue;
    this.#worker = worker;
    this.#mostDirect = most;
  }

  /** What waits. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Performs the message of that size now, or when its turn comes. `beside`: what it costs beside its bytes, in bytes. */
  take(message: Message, size: number, now: number, beside: number = messageCost): void {
    const cost = size + beside;
    if (this.#waiting === undefined) {
      const turn = this.#queue.thisTurn();
      const before = this.#turn === turn ? this.#direct : 0;
      if (before === 0 || before + cost <= this.#mostDirect) {
        this.#turn = turn;
        this.#direct = before + cost;
        this.#worker.perform(message, now, false);
        return;
      }
      this.#waiting = [];
    }
    this.#waiting.push({ message, cost, came: now });
    this.#bytes += cost;
    this.#queue.changed(this, cost);
  }

  /** Performs what waits at once, for about as long as one turn works. Forgets what is left then, and returns the first message of that. */
  finish(): Message | undefined {
    const { end } = this.#queue;
    while (this.#waiting !== undefined && !this.#queue.over(end)) this.step();
    const left = this.#waiting?.[0]?.message;
    this.clear();
    return left;
  }

  /** Forgets what waits. */
  clear(): void {
    const bytes = this.#bytes;
    this.#waiting = undefined;
    this.#bytes = 0;
    if (bytes > 0) this.#queue.changed(this, -bytes);
  }

  // For the queue

  /** Performs the first message that waits. */
  step(): void {
    const next = this.#waiting?.shift();
    if (next === undefined) return;
    if (this.#waiting?.length === 0) this.#waiting = undefined;
    this.#bytes -= next.cost;
    this.#queue.changed(this, -next.cost);
    this.#worker.perform(next.message, next.came, true);
  }

  flooded(): void {
    this.clear();
    this.#worker.flooded();
  }

  failed(): void {
    this.clear();
    this.#worker.failed();
  }
}
