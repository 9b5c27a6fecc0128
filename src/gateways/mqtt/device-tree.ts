import type { Message, Subscription } from "./packets.ts";
import type { Session } from "./session.ts";

/** The most bytes of one retained message. */
const retainedBytes = 16_384;

/**
 * The topics of one device. Its sessions reach each other in it, and nobody else. It holds what is retained as long as there is a
 * session.
 */
export class DeviceTree {
  readonly path: string;
  /** Where its topics begin. */
  readonly prefix: string;
  /** The topics of frames, from the device and for it. */
  readonly out: string;
  readonly in: string;
  readonly sessions = new Map<string, Session>();
  readonly #retained = new Map<string, { readonly message: Message; readonly expires: number }>();
  readonly #mostRetained: number;

  constructor(path: string, mostRetained: number) {
    this.path = path;
    this.prefix = `${path}/`;
    this.out = `${path}/out`;
    this.in = `${path}/in`;
    this.#mostRetained = mostRetained;
  }

  /** Publishes to the sessions of the device, `from` among them. `full`: what should be retained was delivered and not kept. */
  publish(
    message: Message,
    from: Session | undefined,
    now: number,
  ): { readonly receivers: number; readonly full: boolean } {
    const full = message.retain && !this.#retain(message, now);
    let receivers = 0;
    for (const session of this.sessions.values())
      if (session.deliver(message, session === from, now)) receivers += 1;
    return { receivers, full };
  }

  /** Delivers what is retained for a subscription. */
  sendRetained(session: Session, subscription: Subscription, now: number): void {
    for (const [topic, { message, expires }] of this.#retained) {
      if (expires <= now) this.#retained.delete(topic);
      else session.deliverRetained(message, subscription, now);
    }
  }

  /** Keeps the message, or with an empty payload forgets what was kept. False: it is too large, or there are too many. */
  #retain(message: Message, now: number): boolean {
    const { topic, payload, properties } = message;
    if (payload.length === 0) {
      this.#retained.delete(topic);
      return true;
    }
    if (payload.length > retainedBytes) return false;
    if (!this.#retained.has(topic) && this.#retained.size >= this.#mostRetained) return false;
    const lifetime = properties?.messageExpiryInterval ?? Number.POSITIVE_INFINITY;
    this.#retained.set(topic, { message, expires: now + lifetime * 1_000 });
    return true;
  }
}
