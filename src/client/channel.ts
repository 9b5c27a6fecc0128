import type { Channel } from "./api.ts";
import { abortable, quiet, SwitchboardError } from "./error.ts";
import { type Cancel, dispose } from "./live.ts";

const highWater = 1_048_576;
const mostUnread = 16_777_216;

type Data = string | ArrayBuffer;

/**
 * One label's line in a call. Each end sends on the RTCDataChannel that it opened, if it did, else on the other's, and
 * reads from both: so both may open the same label at once and nothing is lost or overtaken. A new pair gets new ones.
 */
export class Line implements Channel {
  readonly label: string;
  /** This end asked for it: a new pair gets it anew. */
  readonly init: RTCDataChannelInit | undefined;
  #out: RTCDataChannel | undefined;
  #mine = false;
  #all = new Set<RTCDataChannel>();
  #unread: Data[] = [];
  #unreadBytes = 0;
  #wake = new Set<() => void>();
  #over: SwitchboardError | undefined;
  #closed = false;
  #sending: Promise<void> = Promise.resolve();
  readonly #gone: (line: Line) => void;

  constructor(label: string, init: RTCDataChannelInit | undefined, gone: (line: Line) => void) {
    this.label = label;
    this.init = init;
    this.#gone = gone;
  }

  /** Opens this end's channel in a connection. */
  open(pc: RTCPeerConnection): void {
    this.#take(pc.createDataChannel(this.label, this.init), true);
  }

  /** Takes the other end's channel. */
  adopt(channel: RTCDataChannel): void {
    this.#take(channel, false);
  }

  /** The pair changes: what belonged to the old connection is no longer the line. */
  detach(): void {
    for (const channel of this.#all) {
      channel.onclose = null;
      channel.onmessage = null;
    }
    this.#all.clear();
    this.#out = undefined;
    this.#mine = false;
  }

  send(data: Data, { signal }: Cancel = {}): Promise<void> {
    const turn = this.#sending.then(async () => {
      for (;;) {
        signal?.throwIfAborted();
        if (this.#closed) throw new SwitchboardError("closed", "The channel is closed.");
        const out = this.#out;
        if (out?.readyState === "open") {
          if (out.bufferedAmount <= highWater) {
            put(out, data);
            return;
          }
          await new Promise((resolve) => setTimeout(resolve, 20));
        } else await new Promise<void>((resolve) => this.#wake.add(resolve));
      }
    });
    this.#sending = quiet(turn.catch(() => {}));
    return abortable(turn, signal);
  }

  async close(): Promise<void> {
    this.end();
    this.#gone(this);
  }

  [dispose](): Promise<void> {
    return this.close();
  }

  /** The call is over, or the line is. */
  end(): void {
    if (this.#closed) return;
    this.#closed = true;
    const channels = [...this.#all];
    this.detach();
    for (const channel of channels) channel.close();
    this.#signal();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Data, void, undefined> {
    for (;;) {
      const next = this.#unread.shift();
      if (next !== undefined) {
        this.#unreadBytes -= size(next);
        yield next;
      } else if (this.#over) throw this.#over;
      else if (this.#closed) return;
      else await new Promise<void>((resolve) => this.#wake.add(resolve));
    }
  }

  #take(channel: RTCDataChannel, mine: boolean): void {
    if (this.#closed) {
      channel.close();
      return;
    }
    channel.binaryType = "arraybuffer";
    this.#all.add(channel);
    if (mine || !this.#mine) this.#out = channel;
    if (mine) this.#mine = true;
    channel.onopen = () => this.#signal();
    channel.onmessage = ({ data }) => this.#read(data);
    channel.onclose = () => {
      this.#all.delete(channel);
      if (this.#all.size === 0) void this.close();
    };
    this.#signal();
  }

  #read(data: Data): void {
    if (this.#over) return;
    this.#unreadBytes += size(data);
    if (this.#unreadBytes > mostUnread) {
      this.#over = new SwitchboardError("overflow", "More than 16 MiB are unread.");
      void this.close();
    } else {
      this.#unread.push(data);
      this.#signal();
    }
  }

  #signal(): void {
    const waiting = [...this.#wake];
    this.#wake.clear();
    for (const wake of waiting) wake();
  }
}

function size(data: Data): number {
  return typeof data === "string" ? data.length : data.byteLength;
}

function put(channel: RTCDataChannel, data: Data): void {
  try {
    // The overloads of `send` do not take a union.
    channel.send(data as string);
  } catch (error) {
    throw new SwitchboardError("overflow", error instanceof Error ? error.message : String(error));
  }
}
