import type { PushBody } from "../protocol/pushes.ts";
import type { Request } from "../protocol/requests.ts";
import type { Device, Outcome } from "../signaling/device.ts";
import type { CoreEvent } from "../signaling/events.ts";
import type { FrameObserver, GatewayMessage } from "../signaling/observer.ts";
import type { KeptText } from "./carried.ts";
import { type SaidByFrame, saidBy } from "./frame-row.ts";

/** A frame of a user who is followed, or what happened to the link of a device: no token, no secret, no description, no address. */
export interface FollowedFrame extends SaidByFrame {
  /** Its number in this node's log of the user. */
  readonly n: number;
  /** Unix ms. */
  readonly at: number;
  readonly device: string;
  /** The device sent it; false: the server did. */
  readonly isIncoming: boolean;
  /** Of a request and of its reply. */
  readonly id?: number;
  readonly session?: string;
  readonly room?: string;
}

/** What somebody reads who has read up to a number. */
export interface FollowedPage {
  /** This log: another one counts anew. */
  readonly run: string;
  /** The number up to which this page reaches. */
  readonly upTo: number;
  /** Frames between the place and the page are gone: the log is bounded. */
  readonly gap: boolean;
  readonly frames: readonly FollowedFrame[];
}

interface Log {
  readonly run: string;
  readonly frames: FollowedFrame[];
  count: number;
  askedAt: number;
}

/** Users who are followed at a time, frames that are kept of each, and how long after the last read a user is followed. ms */
const [mostUsers, mostFrames, followedFor] = [64, 500, 5_000];
const kept: KeptText = { descriptions: false, addresses: false };

/**
 * The frames of users whom somebody follows, at the node that holds their links. A user is followed from the first read on, until nobody
 * has read for 5 s. Pure. While nobody is followed, a frame costs one comparison.
 */
export class FollowedUsers implements FrameObserver {
  readonly #newRun: () => string;
  readonly #logs = new Map<string, Log>();

  /** `newRun`: names a log, with a random text. */
  constructor(newRun: () => string) {
    this.#newRun = newRun;
  }

  /** What came after that number of that log; without a log from now on. Undefined: too many users are followed at this node. */
  read(user: string, run: string | undefined, after: number, now: number): FollowedPage | undefined {
    this.#forget(now);
    let log = this.#logs.get(user);
    if (log === undefined) {
      if (this.#logs.size >= mostUsers) return undefined;
      log = { run: this.#newRun(), frames: [], count: 0, askedAt: now };
      this.#logs.set(user, log);
    }
    log.askedAt = now;
    const { count, frames } = log;
    if (run === undefined) return { run: log.run, upTo: count, gap: false, frames: [] };
    const known = run === log.run && after <= count;
    const from = known ? after : 0;
    return {
      run: log.run,
      upTo: count,
      gap: !known || from < count - frames.length,
      frames: frames.filter(({ n }) => n > from),
    };
  }

  // FrameObserver

  request(device: Device, request: Request, now: number): void {
    if (this.#logs.size > 0)
      this.#add(device, now, { ...aboutOf(request), id: request.id, isIncoming: true });
  }

  outcome(device: Device, request: Request, outcome: Outcome | undefined, now: number): void {
    if (this.#logs.size > 0 && outcome !== undefined) this.#replied(device, request.id, outcome, now);
  }

  reply(device: Device, id: number, outcome: Outcome, now: number): void {
    if (this.#logs.size > 0) this.#replied(device, id, outcome, now);
  }

  push(device: Device, push: PushBody, now: number): void {
    if (this.#logs.size > 0) this.#add(device, now, { ...aboutOf(push), isIncoming: false });
  }

  gatewayMessages(device: Device, session: string, messages: readonly GatewayMessage[]): void {
    if (this.#logs.size === 0) return;
    for (const { gateway, at, isIncoming, word, bytes, note } of messages)
      this.#add(device, at, {
        ...{ type: `${gateway} ${word}`, session, isIncoming },
        ...(bytes !== undefined && { bytes }),
        ...(note !== undefined && { note }),
      });
  }

  /** Notes what happened to the links of devices. */
  heard(event: CoreEvent, now: number): void {
    if (this.#logs.size === 0) return;
    switch (event.type) {
      case "link_opened":
        this.#note(event.user, event.device, now, "opened");
        break;
      case "link_resumed":
        this.#note(event.user, event.device, now, "resumed");
        break;
      case "link_suspended":
        this.#note(event.user, event.device, now, `lost, ${event.code}`);
        break;
      case "link_closed":
        this.#note(event.user, event.device, now, `closed, ${event.reason}`);
        break;
    }
  }

  #note(user: string, device: string, at: number, note: string): void {
    const log = this.#logs.get(user);
    if (log !== undefined) this.#keep(log, { at, device, type: "link", note, isIncoming: true }, at);
  }

  #replied(device: Device, id: number, outcome: Outcome, now: number): void {
    const said = "error" in outcome ? outcome.error.code : "ok";
    this.#add(device, now, { type: "reply", id, outcome: said, isIncoming: false });
  }

  #add(
    { user, id: device, node }: Device,
    at: number,
    frame: Omit<FollowedFrame, "n" | "at" | "device">,
  ): void {
    // The node of its link tells of a device; the owner of its session, which hears of it as well, does not.
    const log = node === undefined ? this.#logs.get(user) : undefined;
    if (log !== undefined) this.#keep(log, { at, device, ...frame }, at);
  }

  #keep(log: Log, frame: Omit<FollowedFrame, "n">, now: number): void {
    if (now - log.askedAt > followedFor) {
      this.#forget(now);
      return;
    }
    log.count += 1;
    log.frames.push({ n: log.count, ...frame });
    if (log.frames.length > mostFrames) log.frames.shift();
  }

  #forget(now: number): void {
    for (const [user, { askedAt }] of this.#logs) if (now - askedAt > followedFor) this.#logs.delete(user);
  }
}

/** What a frame says, and what it is about. */
function aboutOf(frame: Request | PushBody): SaidByFrame & Pick<FollowedFrame, "session" | "room"> {
  const { session, room } = frame as { readonly session?: unknown; readonly room?: unknown };
  return {
    ...saidBy(frame, kept),
    ...(typeof session === "string" && { session }),
    ...(typeof room === "string" && { room }),
  };
}
