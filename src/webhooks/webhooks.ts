import { type ApplicationEvent, eventBody, matchesEvent } from "../events/catalog.ts";
import { after, now, wallAhead } from "../net/clock.ts";
import { signedHeaders } from "../net/standard-webhooks.ts";
import type { OutboxEntry, Store, Write } from "../records/store.ts";
import { type Attempt, type Delivery, DeliveryQueue } from "./delivery-queue.ts";
import type { WebhookSender } from "./sender.ts";

/** Where events are sent. */
export interface Endpoint {
  readonly url: string;
  /** All of them sign. */
  keys(): readonly Uint8Array[];
  /** Names and patterns; undefined for all. */
  readonly events: readonly string[] | undefined;
}

export interface WebhookOptions {
  readonly store: Store;
  readonly sender: Pick<WebhookSender, "post">;
  /** Connections to one endpoint. */
  readonly connections: number;
  jitter(): number;
  /** The endpoint answered 410, or a message is dead. */
  told(what: "disabled" | "dead", endpoint: string, failure: string): void;
}

/** A body has at most 20 KB. */
const mostBody = 20_480;
/** Messages of an endpoint that are kept in memory; the others wait in the store. */
const [mostInMemory, refillBelow] = [5_000, 1_000];
/** How long a store that could not be asked is left alone. ms */
const askAgainAfter = 1_000;
/** Dead messages that one request looks at. */
const mostAtOnce = 10_000;

/** Attempts by outcome, and messages that were given up. */
interface Counts {
  delivered: number;
  failed: number;
  dead: number;
}

/** Sends events to endpoints, at least once, by way of the store: what is there is sent, also by the next run of the server. */
export class Webhooks {
  readonly #options: WebhookOptions;
  #lines: Line[] = [];
  #isHeld = false;
  readonly counts: Counts = { delivered: 0, failed: 0, dead: 0 };

  constructor(options: WebhookOptions) {
    this.#options = options;
  }

  get waiting(): number {
    return this.#lines.reduce((sum, { waiting }) => sum + waiting, 0);
  }

  /** Endpoints that there are. */
  get size(): number {
    return this.#lines.length;
  }

  /**
   * Sends to these from now on, and to no others: what waits for an endpoint that is gone is forgotten. Resolves once a new one goes on
   * with what an earlier run has left.
   */
  async use(endpoints: readonly Endpoint[]): Promise<void> {
    const former = new Map(this.#lines.map((line) => [line.endpoint.url, line]));
    const fresh: Line[] = [];
    this.#lines = endpoints.map((endpoint) => {
      const known = former.get(endpoint.url);
      former.delete(endpoint.url);
      if (known !== undefined) {
        known.endpoint = endpoint;
        return known;
      }
      const line = new Line(endpoint, this.#options, this.counts, () => this.#isHeld);
      fresh.push(line);
      return line;
    });
    await Promise.all([
      ...fresh.map((line) => line.refill()),
      ...[...former.values()].map((line) => line.remove()),
    ]);
  }

  /** True where the endpoint has answered 410, and nothing is sent to it. */
  isDisabled(url: string): boolean {
    return this.#lines.find(({ endpoint }) => endpoint.url === url)?.disabled ?? false;
  }

  /** Sends nothing until {@link release}: what an earlier run has left is to be looked through first. */
  hold(): void {
    this.#isHeld = true;
  }

  async release(): Promise<void> {
    this.#isHeld = false;
    await Promise.all(this.#lines.map((line) => line.refill()));
  }

  /** Messages that wait for the endpoint, or are dead, the oldest first. Rejects where the store can't be read. */
  async deliveries(endpoint: string, dead: boolean, limit: number): Promise<readonly OutboxEntry[]> {
    const entries = await this.#options.store.ask("outbox", { endpoint, dead, limit });
    const paused = this.#lines.find((line) => line.endpoint.url === endpoint)?.pausedUntil ?? 0;
    return entries.map((entry) => (entry.dueAt < paused ? { ...entry, dueAt: paused } : entry));
  }

  /** Sends dead messages of the endpoint again, those that are wanted. Answers how many. Rejects where the store can't be read. */
  async retry(url: string, isWanted: (entry: OutboxEntry) => boolean): Promise<number> {
    const line = this.#lines.find(({ endpoint }) => endpoint.url === url);
    if (line === undefined) return 0;
    const dead = await this.deliveries(url, true, mostAtOnce);
    const entries = dead.filter(isWanted).map(({ dead: _, failure: __, ...entry }): OutboxEntry => {
      return { ...entry, attempts: 0, dueAt: now() };
    });
    await this.#options.store.write(...entries.map((entry): Write => ({ write: "outbox", entry })));
    await line.enable();
    return entries.length;
  }

  /** Queues the event, together with other writes that are to stand or fall with it. */
  tell(event: ApplicationEvent, ...more: readonly Write[]): void {
    const lines = this.#lines.filter(({ endpoint }) => wanted(endpoint, event.type));
    if (lines.length === 0) {
      if (more.length > 0) void this.#options.store.write(...more);
      return;
    }
    const body = eventBody({ ...event, at: event.at + wallAhead() });
    if (Buffer.byteLength(body) > mostBody) {
      if (more.length > 0) void this.#options.store.write(...more);
      return;
    }
    const entries = lines.map(
      ({ endpoint }): OutboxEntry => ({
        id: event.id,
        endpoint: endpoint.url,
        lane: event.lane,
        type: event.type,
        body,
        createdAt: event.at,
        attempts: 0,
        dueAt: event.at,
      }),
    );
    const writes = entries.map((entry): Write => ({ write: "outbox", entry }));
    void this.#options.store.write(...writes, ...more).then((kept) => {
      // What could not be kept is sent all the same, as long as this run lasts.
      lines.forEach((line, index) => {
        const entry = entries[index];
        if (entry !== undefined) line.add(entry, kept);
      });
    });
  }

  /** Sends what another node has not got rid of, before anything that is told later. */
  async resend(left: readonly OutboxEntry[]): Promise<void> {
    const entries = left.map(({ failure: _, ...entry }) => ({ ...entry, attempts: 0, dueAt: now() }));
    const kept = await this.#options.store.write(
      ...entries.map((entry): Write => ({ write: "outbox", entry })),
    );
    for (const entry of entries)
      this.#lines.find(({ endpoint }) => endpoint.url === entry.endpoint)?.add(entry, kept);
  }

  /** Waits for what is under way, for a moment. What is not taken by then is in the store. */
  async stop(within: number): Promise<void> {
    const end = now() + within;
    while (this.waiting > 0 && this.#lines.some(({ busy }) => busy) && now() < end)
      await new Promise((resolve) => setTimeout(resolve, 10));
    for (const line of this.#lines) line.stop();
  }
}

/** The way to one endpoint. */
class Line {
  endpoint: Endpoint;
  readonly #options: WebhookOptions;
  readonly #counts: Counts;
  readonly #queue: DeliveryQueue;
  readonly #url: URL;
  readonly #isHeld: () => boolean;
  /** Ids of messages that the endpoint has taken, and that the store, or its answer to come, may still have. */
  readonly #taken = new Set<string>();
  /** Those of them that the store no longer has. */
  readonly #gone: string[] = [];
  /** Messages wait in the store alone. */
  #spilled = false;
  /** Messages that were told while the store is asked for those before them; undefined while it is not. */
  #meanwhile: { readonly delivery: Delivery; readonly kept: boolean }[] | undefined;
  /** The store could not be asked, and is not asked before. */
  #askAgainAt = 0;
  #cancel: (() => void) | undefined;
  #stopped = false;
  #removed = false;
  #flying = 0;

  constructor(endpoint: Endpoint, options: WebhookOptions, counts: Counts, isHeld: () => boolean) {
    this.endpoint = endpoint;
    this.#isHeld = isHeld;
    this.#options = options;
    this.#counts = counts;
    this.#url = new URL(endpoint.url);
    const { jitter, connections } = options;
    this.#queue = new DeliveryQueue({ jitter, connections });
  }

  get waiting(): number {
    return this.#queue.size;
  }

  /** Something is being sent, or can be at once. */
  get busy(): boolean {
    const at = this.#queue.nextAt(now());
    return this.#flying > 0 || (at !== undefined && at <= now());
  }

  add(entry: OutboxEntry, kept: boolean): void {
    if (this.#removed) {
      void this.#options.store.write({ write: "delivered", endpoint: entry.endpoint, id: entry.id });
      return;
    }
    if ((this.#spilled || this.#isHeld()) && kept) return;
    const waiting = this.#queue.size + (this.#meanwhile?.length ?? 0);
    if (waiting >= mostInMemory) {
      this.#spilled = kept;
      return;
    }
    if (this.#meanwhile !== undefined) {
      this.#meanwhile.push({ delivery: deliveryOf(entry), kept });
      return;
    }
    this.#queue.add(deliveryOf(entry), now());
    this.#pump();
  }

  /** Takes what waits in the store, the oldest first. What is told meanwhile comes after it: it may be of the same session. */
  async refill(): Promise<void> {
    if (this.#meanwhile !== undefined || this.#stopped || this.#isHeld()) return;
    this.#meanwhile = [];
    const before = this.#spilled;
    this.#spilled = false;
    try {
      const query = { endpoint: this.endpoint.url, limit: mostInMemory };
      const entries = await this.#options.store.ask("outbox", query);
      for (const entry of entries) if (!this.#taken.has(entry.id)) this.#queue.add(deliveryOf(entry), now());
      this.#spilled ||= entries.length >= mostInMemory;
    } catch {
      // The store says so itself; what is in memory is sent.
      this.#spilled = before;
      this.#askAgainAt = now() + askAgainAfter;
    }
    const meanwhile = this.#meanwhile;
    this.#meanwhile = undefined;
    for (const id of this.#gone.splice(0)) this.#taken.delete(id);
    // Where more waits in the store, it waits there before these.
    for (const { delivery, kept } of meanwhile) if (!kept || !this.#spilled) this.#queue.add(delivery, now());
    this.#pump();
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
  }

  get disabled(): boolean {
    return this.#queue.disabled;
  }

  get pausedUntil(): number {
    return this.#queue.pausedUntil;
  }

  /** Sends again after a 410, and takes what has come to life in the store. */
  async enable(): Promise<void> {
    this.#queue.disabled = false;
    await this.refill();
  }

  /** The endpoint is gone: nothing is sent any more, and what waits in the store is removed. */
  async remove(): Promise<void> {
    this.stop();
    this.#removed = true;
    const { store } = this.#options;
    const endpoint = this.endpoint.url;
    for (const dead of [false, true])
      for (;;) {
        const entries = await store.ask("outbox", { endpoint, dead, limit: 1_000 }).catch(() => []);
        const written = await store.write(
          ...entries.map(({ id }): Write => ({ write: "delivered", endpoint, id })),
        );
        if (entries.length === 0 || !written) break;
      }
  }

  #pump(): void {
    if (this.#stopped || this.#isHeld()) return;
    this.#cancel?.();
    this.#cancel = undefined;
    for (const delivery of this.#queue.take(now())) void this.#send(delivery);
    if (this.#spilled && this.#queue.size < refillBelow && now() >= this.#askAgainAt) void this.refill();
    const at = this.#queue.nextAt(now());
    // With all connections busy, an answer pumps again.
    if (at !== undefined && (this.#flying === 0 || at > now()))
      this.#cancel = after(Math.min(Math.max(1, at - now()), 3_600_000), () => this.#pump());
  }

  async #send(delivery: Delivery): Promise<void> {
    const { id, body } = delivery;
    this.#flying += 1;
    const seconds = Math.floor((now() + wallAhead()) / 1_000);
    const headers = signedHeaders(this.endpoint.keys(), { id, seconds, body });
    const attempt = await this.#options.sender.post(this.#url, headers, body);
    this.#flying -= 1;
    this.#attempted(delivery, attempt);
    this.#pump();
  }

  #attempted(delivery: Delivery, attempt: Attempt): void {
    const { store, told } = this.#options;
    const endpoint = this.endpoint.url;
    const { id } = delivery;
    const verdict = this.#queue.attempted(id, attempt, now());
    if (attempt.ok) {
      this.#counts.delivered += 1;
      this.#taken.add(id);
      void store.write({ write: "delivered", endpoint, id }).then(() => {
        if (this.#meanwhile === undefined) this.#taken.delete(id);
        else this.#gone.push(id);
      });
      return;
    }
    this.#counts.failed += 1;
    if (this.#removed) return;
    const failure = delivery.failure ?? "";
    if (verdict === "retry") void store.write({ write: "outbox", entry: entryOf(delivery, endpoint) });
    else if (verdict === "dead") this.#bury([delivery], failure);
    if (!this.#queue.disabled || attempt.gone !== true) return;
    told("disabled", endpoint, failure);
    this.#bury(this.#queue.clear(), failure);
  }

  #bury(deliveries: readonly Delivery[], failure: string): void {
    const endpoint = this.endpoint.url;
    for (const delivery of deliveries) {
      this.#counts.dead += 1;
      const entry = { ...entryOf(delivery, endpoint), dead: true as const, failure };
      void this.#options.store.write({ write: "outbox", entry });
    }
    if (deliveries.length > 0) this.#options.told("dead", endpoint, failure);
  }
}

function wanted({ events }: Endpoint, type: string): boolean {
  return events === undefined || events.some((pattern) => matchesEvent(pattern, type));
}

function deliveryOf({ id, lane, type, body, createdAt, attempts, dueAt, failure }: OutboxEntry): Delivery {
  return { id, lane, type, body, createdAt, attempts, dueAt, ...(failure !== undefined && { failure }) };
}

function entryOf(delivery: Delivery, endpoint: string): OutboxEntry {
  const { id, lane, type, body, createdAt, attempts, dueAt, failure } = delivery;
  return {
    id,
    endpoint,
    lane,
    type,
    body,
    createdAt,
    attempts,
    dueAt: Math.round(dueAt),
    ...(failure !== undefined && { failure }),
  };
}
