import { type WireError, wireError } from "../../src/protocol/error-codes.ts";
import type { Core } from "../../src/signaling/core.ts";
import type { StreamEnd, StreamHost, StreamState } from "../../src/signaling/stream/stream-host.ts";
import type { StreamSession } from "../../src/signaling/stream/stream-session.ts";
import type { StreamServer } from "../../src/signaling/stream/streams.ts";
import type { Random } from "./random.ts";

/** A media server that says and does anything at any time, and devices of other protocols that come and go at it. */
export class FuzzStreams implements StreamHost {
  static readonly mostUnlisted = 8;
  readonly #random: Random;
  readonly #server: StreamServer;
  readonly #users: readonly string[];
  readonly #core: Core;
  #sessions: StreamSession[] = [];
  #unlisted: StreamSession[] = [];

  constructor(core: Core, random: Random, users: readonly string[]) {
    this.#core = core;
    this.#random = random;
    this.#users = users;
    this.#server = core.streamServer(this);
  }

  refusal(): WireError | undefined {
    return this.#random.chance(0.2) ? wireError("not_live", undefined, 2_000) : undefined;
  }

  isPublic(): boolean {
    return this.#random.chance(0.2);
  }

  stream(): StreamState | undefined {
    const layers = [{ rid: "h", bitrate: this.#random.int(0, 9), framesPerSecond: 30 }];
    return this.#random.chance(0.3) ? undefined : { live: this.#random.chance(0.5), viewers: 1, layers };
  }

  begin(session: StreamSession): StreamEnd {
    this.#sessions.push(session);
    return { deliver: () => {} };
  }

  /** Does one thing. */
  act(now: number): void {
    const random = this.#random;
    this.#sessions = this.#sessions.filter(({ over }) => !over);
    this.#unlisted = this.#unlisted.filter(({ over }) => !over);
    const all = [...this.#sessions, ...this.#unlisted];
    if (all.length === 0 || random.chance(0.2)) {
      if (this.#unlisted.length < FuzzStreams.mostUnlisted) this.#attach(now);
      else this.#core.kick(random.pick(this.#users), random.chance(0.5) ? "phone" : undefined, now);
      return;
    }
    const session = random.pick(all);
    switch (random.int(0, 5)) {
      case 0:
        session.answer(random.int(1, 2), "v=0\r\n", now);
        break;
      case 1:
        session.refuse(random.int(1, 2), "no use", now);
        break;
      case 2:
        session.connected(now);
        break;
      case 3:
        session.end(random.pick(["stream_over", "failed", "replaced"] as const), now, "detail");
        break;
      case 4:
        if (this.#unlisted.includes(session)) session.left(now);
        break;
      default:
        this.#server.changed(random.pick(["a", "b"]), now);
    }
  }

  /** Ends every session that a client may not end. */
  end(now: number): void {
    for (const session of [...this.#sessions, ...this.#unlisted]) session.end("shutdown", now);
  }

  #attach(now: number): void {
    const random = this.#random;
    const role = random.pick(["publish", "view"] as const);
    const device = random.chance(0.5) ? "phone" : undefined;
    const client = { role, stream: random.pick(["a", "b"]), user: random.pick(this.#users), device };
    const end = { deliver: () => {} };
    this.#unlisted.push(
      this.#server.attach({ ...client, name: undefined, grants: {}, guest: false }, end, now),
    );
  }
}
