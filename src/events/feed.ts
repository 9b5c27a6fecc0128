import type { LiveRecord } from "../records/live-record.ts";
import type { CallRecord } from "../records/record.ts";
import type { SessionEventType } from "../records/session-events.ts";
import type { OpenSession } from "../records/store.ts";
import { longerThan } from "../shared/utf8.ts";
import type { Device } from "../signaling/device.ts";
import type { CoreEvent, RoomEvent } from "../signaling/events.ts";
import type { ApplicationEvent, EventType } from "./catalog.ts";

export interface FeedOptions {
  readonly node: string;
  /** Tells this run of the node from others: ids of events without a session have it. */
  readonly run: string;
  /** True while the device has a link at this node. */
  online(user: string, device: string): boolean;
  /** `open`: how the session of the event stands after it; undefined once it is over. */
  tell(event: ApplicationEvent, open?: OpenSession): void;
}

type PushEventType = "push.started" | "push.failed" | "push.ended";

/** Events that only a part of the server knows. */
export interface ToldEvents {
  wake<T extends "wake.needed" | "wake.failed">(type: T, data: ApplicationEvent<T>["data"]): void;
  push<T extends PushEventType>(type: T, data: ApplicationEvent<T>["data"]): void;
}

/** Users whose devices are followed at a time. */
const mostUsers = 1_000_000;

/** Bytes of a message that are told. */
const mostBody = 16_384;

const roomEvents = {
  room_opened: "room.opened",
  room_knocked: "room.knocked",
  room_joined: "room.joined",
  room_left: "room.left",
  room_closed: "room.closed",
} as const satisfies Record<RoomEvent["type"], EventType>;

/** Makes the events that applications hear of, of what the core and the recorder say. Pure. */
export class EventFeed {
  readonly #options: FeedOptions;
  /** The devices of each user who has any: mostly one, and there are very many users. */
  readonly #online = new Map<string, string[]>();
  readonly #closed = new Map<string, readonly [user: string, device: string]>();
  #count = 0;

  constructor(options: FeedOptions) {
    this.#options = options;
  }

  /** A session has come further. */
  session(
    type: Exclude<SessionEventType, "session.ended">,
    live: LiveRecord,
    facts: object,
    now: number,
  ): void {
    if (live.muted) return;
    live.told += 1;
    const { session, epoch, told: n } = live;
    const data = { ...live.facts, n, ...facts };
    // Two nodes that both take themselves for the owner tell different things.
    const id = epoch === 1 ? `${session}_${n}` : `${session}_${epoch}-${n}`;
    this.#tell(type, id, session, data, now, openOf(live));
    const { kind, callee, caller } = live.facts;
    if (type === "session.started" && kind === "publish")
      this.#tell(
        "stream.started",
        `${session}_stream`,
        session,
        { stream: streamOf(callee.user), session, publisher: caller },
        now,
      );
  }

  ended(record: CallRecord, live: LiveRecord, cause: string | undefined, now: number): void {
    if (live.muted) return;
    live.told += 1;
    const { told: n } = live;
    const { reason = "closed", by, startedAt, acceptedAt, connectedAt, endedAt = now } = record;
    const data = {
      ...live.facts,
      n,
      reason,
      ...(by !== undefined && { by }),
      startedAt: iso(startedAt),
      ...(acceptedAt !== undefined && { acceptedAt: iso(acceptedAt) }),
      ...(connectedAt !== undefined && { connectedAt: iso(connectedAt) }),
      endedAt: iso(endedAt),
      ...(cause !== undefined && { cause }),
    };
    this.#end(record, data, reason, now);
  }

  /** A session of an earlier run or of another node, which nobody has come back to, is over. */
  lost({ told, facts, startedAt }: OpenSession, now: number): void {
    const of: LiveRecord["facts"] = JSON.parse(facts);
    const times = { startedAt: iso(startedAt), endedAt: iso(now) };
    this.#end(of, { ...of, n: told + 1, reason: "lost", ...times }, "lost", now);
  }

  /** Has the same id whoever tells it: a session has one end. */
  #end(
    { session, kind, callee, caller }: LiveRecord["facts"],
    data: object,
    reason: string,
    now: number,
  ): void {
    this.#tell("session.ended", `${session}_ended`, session, data, now);
    if (kind !== "publish") return;
    const stream = { stream: streamOf(callee.user), session, publisher: caller, reason };
    this.#tell("stream.ended", `${session}_stream_ended`, session, stream, now);
  }

  heard(event: CoreEvent, now: number): void {
    if (event.type === "link_opened") this.#opened(event.user, event.device, now);
    else if (event.type === "link_closed")
      this.#closed.set(`${event.user}/${event.device}`, [event.user, event.device]);
    else if (isOfRoom(event)) {
      const { type, ...data } = event;
      this.#tell(roomEvents[type], this.#id(), data.room, data, now);
    }
  }

  /** A device has sent a message of the application's. */
  message({ user, id: device }: Device, to: string, body: unknown, now: number): void {
    const from = { user, device };
    const fits = !longerThan(JSON.stringify(body), mostBody);
    this.#tell("message.sent", this.#id(), `from ${user}`, { from, to, ...(fits && { body }) }, now);
  }

  wake<T extends "wake.needed" | "wake.failed">(
    type: T,
    data: ApplicationEvent<T>["data"],
    now: number,
  ): void {
    const { session, device } = data;
    this.#tell(type, `${session}_${type}_${device}`, session, data, now);
  }

  push<T extends PushEventType>(type: T, data: ApplicationEvent<T>["data"], now: number): void {
    this.#tell(type, this.#id(), `push ${data.push}`, data, now);
  }

  node(state: "up" | "draining" | "down", now: number): void {
    this.#tell(`node.${state}`, this.#id(), "node", { node: this.#options.node }, now);
  }

  /** Looks which devices that closed a link are gone: one that has opened another is not. After each turn. */
  settle(now: number): void {
    if (this.#closed.size === 0) return;
    const closed = [...this.#closed.values()];
    this.#closed.clear();
    for (const [user, device] of closed) {
      const devices = this.#online.get(user);
      const index = devices?.indexOf(device) ?? -1;
      if (devices === undefined || index < 0 || this.#options.online(user, device)) continue;
      devices.splice(index, 1);
      const { node } = this.#options;
      this.#tell("device.offline", this.#id(), `user ${user}`, { user, device, node }, now);
      if (devices.length > 0) continue;
      this.#online.delete(user);
      this.#tell("user.offline", this.#id(), `user ${user}`, { user, node }, now);
    }
  }

  #opened(user: string, device: string, now: number): void {
    const devices = this.#online.get(user);
    const { node } = this.#options;
    if (devices === undefined) {
      if (this.#online.size >= mostUsers) return;
      this.#online.set(user, [device]);
      this.#tell("user.online", this.#id(), `user ${user}`, { user, node }, now);
    } else if (devices.includes(device)) return;
    else devices.push(device);
    this.#tell("device.online", this.#id(), `user ${user}`, { user, device, node }, now);
  }

  #id(): string {
    this.#count += 1;
    return `e_${this.#options.run}_${this.#count}`;
  }

  #tell(
    type: EventType,
    id: string,
    lane: string | undefined,
    data: object,
    at: number,
    open?: OpenSession,
  ): void {
    this.#options.tell({ id, type, at, lane: lane ?? id, data } as ApplicationEvent, open);
  }
}

/** How the session stands, for whoever goes on with it. */
export function openOf({ session, told, startedAt, facts }: LiveRecord): OpenSession {
  return { session, told, startedAt, facts: JSON.stringify(facts) };
}

function isOfRoom(event: CoreEvent): event is RoomEvent {
  return event.type in roomEvents;
}

function iso(at: number): string {
  return new Date(at).toISOString();
}

function streamOf(user: string): string {
  return user.replace(/^stream:/, "");
}
