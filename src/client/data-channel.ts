import type { Cancel, Channel } from "./api.ts";
import { dispose } from "./emitter.ts";
import { abortable, SwitchboardError, toError } from "./error.ts";

const highWater = 1_048_576;
const mostUnread = 16_777_216;

type Data = string | ArrayBuffer;

/**
 * A data channel of a call, by its label. Each end sends on the RTCDataChannel that it opened, or on the other end's if it opened
 * none, and reads from both. So both ends may open the same label at once, and nothing is lost or overtaken. A new pair gets new
 * RTCDataChannels.
 */
export class DataChannel implements Channel {
  declare readonly label: string;
  /** Undefined when only the other end has opened the channel. */
  declare readonly init: RTCDataChannelInit | undefined;
  #out: RTCDataChannel | undefined;
  readonly #all = new Set<RTCDataChannel>();
  #unread: Data[] = [];
  #unreadBytes = 0;
  readonly #waiting = new Set<() => void>();
  #overflow: SwitchboardError | undefined;
  #closed = false;
  #sending: Promise<unknown> = Promise.resolve();
  readonly #gone: () => void;

  constructor(label: string, init: RTCDataChannelInit | undefined, gone: () => void) {
    this.label = label;
    this.init = init;
    this.#gone = gone;
  }

  /** Opens this end's channel in a connection. */
  open(pc: RTCPeerConnection): void {
    this.#out = pc.createDataChannel(this.label, this.init);
    this.adopt(this.#out, pc);
  }

  /** Takes an RTCDataChannel of either end into use. */
  adopt(channel: RTCDataChannel, pc: RTCPeerConnection): void {
    this.#all.add(channel);
    this.#out ??= channel;
    channel.binaryType = "arraybuffer";
    channel.onopen = () => this.#wake();
    channel.onmessage = ({ data }) => this.#read(data);
    channel.onclose = () => {
      this.#all.delete(channel);
      if (this.#out === channel) this.#out = undefined;
      // If the whole connection is gone, the next pair (of a move, after a reload) continues the channel.
      if (!this.#all.size && pc.sctp?.state === "connected") void this.close();
    };
    this.#wake();
  }

  /** Lets go of the old connection's RTCDataChannels: another pair is in use now. */
  detach(): void {
    for (const channel of this.#all) {
      channel.onclose = null;
      channel.onmessage = null;
    }
    this.#all.clear();
    this.#out = undefined;
  }

  send(data: Data, { signal }: Cancel = {}): Promise<void> {
    const turn = this.#sending.then(async () => {
      while (!signal?.aborted) {
        const out = this.#out;
        if (this.#closed) throw new SwitchboardError("closed");
        if (out?.readyState !== "open") await this.#change();
        else if (out.bufferedAmount > highWater) await new Promise((resolve) => setTimeout(resolve, 20));
        else if (put(out, data)) return;
      }
    });
    this.#sending = turn.catch(() => {});
    return abortable(turn, signal);
  }

  async close(): Promise<void> {
    const channels = [...this.#all];
    this.detach();
    for (const channel of channels) channel.close();
    this.#closed = true;
    this.#gone();
    this.#wake();
  }

  [dispose](): Promise<void> {
    return this.close();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Data, void, undefined> {
    for (;;) {
      const next = this.#unread.shift();
      if (next !== undefined) {
        this.#unreadBytes -= size(next);
        yield next;
      } else if (this.#overflow) throw this.#overflow;
      else if (this.#closed) return;
      else await this.#change();
    }
  }

  #read(data: Data): void {
    this.#unreadBytes += size(data);
    if (this.#unreadBytes > mostUnread) {
      this.#overflow = new SwitchboardError("overflow");
      void this.close();
    } else this.#unread.push(data);
    this.#wake();
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#waiting.add(resolve));
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }
}

function size(data: Data): number {
  return (data as string).length ?? (data as ArrayBuffer).byteLength;
}

/** Sends a message. False when the channel has closed meanwhile. */
function put(channel: RTCDataChannel, data: Data): boolean {
  try {
    // The overloads of `send` do not take a union.
    channel.send(data as string);
    return true;
  } catch (error) {
    if (channel.readyState === "open") throw toError(error, "overflow");
    return false;
  }
}
