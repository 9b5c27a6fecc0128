import type { Connection } from "../../signaling/core.ts";
import type { KnownDevice, Remote, Transport } from "../../signaling/ports.ts";

/** How frames reach the device: its topic `…/in`. */
export interface FrameOutlet {
  /** Publishes one frame. False when too much waits for the device already. */
  send(text: string): boolean;
  /** Bytes that wait. */
  readonly buffered: number;
}

/** Opens a transport of the native protocol in the core. */
export type OpenTransport = (
  transport: Transport,
  remote: Remote,
  now: number,
  known: KnownDevice,
) => Connection;

/** The code of a WebSocket that closed without saying so: the link is suspended, and can be resumed. */
const abnormal = 1006;

/** The newest hello of a device: one that is older is a repetition, even where MQTT does not say so. */
export interface NewestHello {
  instance: string;
  attempt: number;
}

/**
 * The native protocol over the two topics of a device. A hello opens a transport of the core. Whatever comes before it is dropped, and
 * so is a repeated hello, for QoS 1 may deliver twice what was sent before a connection was lost. Frames carry their own count, so the
 * core itself drops a repeated request. `{"close":CODE,"reason":TEXT}` is what a close frame is on a WebSocket, either way.
 */
export class NativeTopics {
  readonly #open: OpenTransport;
  readonly #remote: Remote;
  readonly #known: KnownDevice;
  readonly #outlet: FrameOutlet;
  #transport: TopicTransport | undefined;
  #connection: Connection | undefined;
  readonly #newest: NewestHello;

  /** `newest` outlives the connection where its session does. */
  constructor(
    open: OpenTransport,
    remote: Remote,
    known: KnownDevice,
    outlet: FrameOutlet,
    newest: NewestHello,
  ) {
    this.#newest = newest;
    this.#open = open;
    this.#remote = remote;
    this.#known = known;
    this.#outlet = outlet;
  }

  /** True while a transport is open. */
  get active(): boolean {
    return this.#transport?.ended === false;
  }

  /** True for a hello, which opens a transport. */
  isHello(text: string): boolean {
    return helloOf(text) !== undefined;
  }

  /** A frame came. `again`: MQTT says that it may have come before. `came`: when, where it has waited since. */
  receive(text: string, again: boolean, now: number, came = now): void {
    const hello = helloOf(text);
    if (hello !== undefined) {
      if (again || this.#isOld(hello)) return;
      this.lost(abnormal, now);
      this.#transport = new TopicTransport(this.#outlet);
      this.#connection = this.#open(this.#transport, this.#remote, now, this.#known);
    } else {
      if (!this.active) return;
      const code = closeOf(text);
      if (code !== undefined) {
        this.lost(code, now);
        return;
      }
    }
    this.#connection?.receive(text, now, came);
  }

  /** The device is gone, or can't be reached. 1000: it ends its link. */
  lost(code: number, now: number): void {
    if (!this.active) return;
    this.#transport?.end();
    this.#transport = undefined;
    this.#connection?.closed(code, now);
  }

  /** True for a hello that has come before. Clients of MQTT send what was not acknowledged again, and not all of them say so. */
  #isOld({ instance, attempt }: Record<string, unknown>): boolean {
    if (typeof instance !== "string" || typeof attempt !== "number") return false;
    if (instance === this.#newest.instance && attempt <= this.#newest.attempt) return true;
    Object.assign(this.#newest, { instance, attempt });
    return false;
  }
}

class TopicTransport implements Transport {
  readonly #outlet: FrameOutlet;
  ended = false;

  constructor(outlet: FrameOutlet) {
    this.#outlet = outlet;
  }

  get buffered(): number {
    return this.#outlet.buffered;
  }

  send(text: string): boolean {
    // Nobody reads what is sent after the end.
    return this.ended || this.#outlet.send(text);
  }

  close(code: number, reason: string): void {
    if (this.ended) return;
    this.ended = true;
    this.#outlet.send(JSON.stringify({ close: code, reason }));
  }

  end(): void {
    this.ended = true;
  }
}

function helloOf(text: string): Record<string, unknown> | undefined {
  // Few frames are parsed twice: those that hold the word.
  if (!text.includes('"hello"')) return undefined;
  const fields = fieldsOf(text);
  return fields.type === "hello" ? fields : undefined;
}

function closeOf(text: string): number | undefined {
  if (!text.includes('"close"')) return undefined;
  const { close, type } = fieldsOf(text);
  return type === undefined && typeof close === "number" ? close : undefined;
}

function fieldsOf(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
