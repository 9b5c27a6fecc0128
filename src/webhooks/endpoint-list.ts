import { type Static, Type } from "typebox";
import { Compile } from "typebox/compile";
import { webhookKey } from "../net/standard-webhooks.ts";

const Time = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });

/** An endpoint that was made by the API, as it is kept and told to other nodes. Times are Unix ms. */
export const KeptEndpoint = Type.Object({
  id: Type.String({ pattern: "^[\\w-]{1,64}$" }),
  url: Type.String({ minLength: 1, maxLength: 2_048 }),
  events: Type.Optional(Type.Array(Type.String({ maxLength: 64 }), { maxItems: 64 })),
  /** The newest first. The others sign until their end, so that a receiver may have either. */
  secrets: Type.Array(Type.Object({ secret: Type.String({ maxLength: 128 }), until: Type.Optional(Time) }), {
    maxItems: 8,
  }),
  created: Time,
  /** Of two nodes that know it differently the later is right. */
  changed: Time,
  /** It is gone; kept for a while, for nodes that have not heard of that. */
  removed: Type.Optional(Type.Literal(true)),
});
export type KeptEndpoint = Static<typeof KeptEndpoint>;

const check = Compile(Type.Array(KeptEndpoint, { maxItems: 2_000 }));
/** Endpoints at a time, removed ones that are remembered, and for how long. */
const [mostLive, mostRemoved, rememberFor] = [64, 1_000, 30 * 86_400_000];

/** True for a list of endpoints, such as one from a file or from another node. */
export function areEndpoints(value: unknown): value is KeptEndpoint[] {
  return check.Check(value);
}

/** Endpoints that come and go while the server runs. Pure: whoever changes the list keeps it and tells the other nodes. */
export class EndpointList {
  readonly #entries = new Map<string, KeptEndpoint>();

  /** Takes over what is newer. True where something is. */
  merge(entries: readonly KeptEndpoint[], now: number): boolean {
    let news = false;
    for (const entry of entries) {
      const known = this.#entries.get(entry.id);
      if (known === undefined ? forgettable(entry, now) : known.changed >= entry.changed) continue;
      this.#entries.set(entry.id, entry);
      news = true;
    }
    return news;
  }

  /** All that is to be kept and told, removed ones included. */
  all(now: number): KeptEndpoint[] {
    const removed: KeptEndpoint[] = [];
    for (const entry of this.#entries.values()) {
      if (forgettable(entry, now)) this.#entries.delete(entry.id);
      else if (entry.removed) removed.push(entry);
    }
    removed.sort((one, other) => one.changed - other.changed);
    for (const { id } of removed.slice(0, -mostRemoved)) this.#entries.delete(id);
    return [...this.#entries.values()];
  }

  live(): KeptEndpoint[] {
    return [...this.#entries.values()].filter(({ removed }) => !removed);
  }

  get(id: string): KeptEndpoint | undefined {
    const entry = this.#entries.get(id);
    return entry?.removed ? undefined : entry;
  }

  get full(): boolean {
    return this.live().length >= mostLive;
  }

  /** The endpoint with another secret; those that it had sign for `overlap` ms more. */
  rotate(id: string, secret: string, overlap: number, now: number): KeptEndpoint | undefined {
    const entry = this.get(id);
    if (entry === undefined) return undefined;
    const former = entry.secrets
      .filter(({ until }) => until === undefined || until > now)
      .map(({ secret: old, until = now + overlap }) => ({
        secret: old,
        until: Math.min(until, now + overlap),
      }));
    const changed = Math.max(now, entry.changed + 1);
    return { ...entry, secrets: [{ secret }, ...former].slice(0, 4), changed };
  }

  /** The endpoint as one that is gone. */
  remove(id: string, now: number): KeptEndpoint | undefined {
    const entry = this.get(id);
    return entry && { ...entry, secrets: [], changed: Math.max(now, entry.changed + 1), removed: true };
  }
}

/** What signs for the endpoint now. */
export function keysOf({ secrets }: KeptEndpoint, now: number): Uint8Array[] {
  return secrets
    .filter(({ until }) => until === undefined || until > now)
    .flatMap(({ secret }) => webhookKey(secret) ?? []);
}

function forgettable({ removed, changed }: KeptEndpoint, now: number): boolean {
  return removed === true && changed < now - rememberFor;
}
