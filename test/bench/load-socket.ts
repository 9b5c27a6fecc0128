const handshakeEnd = Buffer.from("\r\n\r\n");
const noBytes = new Uint8Array(0);
const decoder = new TextDecoder();
const encoder = new TextEncoder();

type TcpSocket = Awaited<ReturnType<typeof Bun.connect<LoadSocket>>>;

/**
 * A WebSocket client that costs as little as can be: frames are masked with zeros (RFC 6455 §5.3 allows any key), so that
 * they can be built once and written as they are. What comes is handed on as bytes, without a copy.
 */
export class LoadSocket {
  /** Hears the payload of each frame: `bytes` from `start` to `end`, valid during the call only. */
  onFrame: (bytes: Uint8Array, start: number, end: number) => void = () => {};
  /** After all frames of one read were heard: the moment to write answers in one go. */
  onRead: () => void = () => {};
  closed = false;
  #tcp: TcpSocket | undefined;
  #opened: (() => void) | undefined;
  #failed: ((error: Error) => void) | undefined;
  #rest: Uint8Array = noBytes;
  #unsent: Uint8Array = noBytes;

  static open(port: number, path: string, protocol?: string): Promise<LoadSocket> {
    const load = new LoadSocket();
    return new Promise((resolve, reject) => {
      load.#opened = () => resolve(load);
      load.#failed = reject;
      const request = [
        `GET ${path} HTTP/1.1`,
        `Host: 127.0.0.1:${port}`,
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
        ...(protocol === undefined ? [] : [`Sec-WebSocket-Protocol: ${protocol}`]),
      ];
      Bun.connect<LoadSocket>({
        hostname: "127.0.0.1",
        port,
        data: load,
        socket: {
          open: (tcp) => {
            load.#tcp = tcp;
            tcp.setNoDelay(true);
            tcp.write(`${request.join("\r\n")}\r\n\r\n`);
          },
          data: (_, bytes) => load.#read(bytes),
          drain: () => load.#drain(),
          close: () => load.#end("closed"),
          error: (_, error) => load.#end(error.message),
        },
      }).catch(reject);
    });
  }

  sendText(text: string): void {
    this.write(clientFrame(text));
  }

  /** Writes frames that were built before. */
  write(frames: Uint8Array): void {
    if (this.#tcp === undefined || this.closed) return;
    if (this.#unsent.length > 0) {
      this.#unsent = Buffer.concat([this.#unsent, frames]);
      return;
    }
    const sent = this.#tcp.write(frames);
    if (sent < frames.length) this.#unsent = frames.slice(Math.max(0, sent));
  }

  /** Cuts the connection without a word. */
  destroy(): void {
    this.closed = true;
    this.#tcp?.terminate();
  }

  #drain(): void {
    const frames = this.#unsent;
    this.#unsent = noBytes;
    if (frames.length > 0) this.write(frames);
  }

  /** The other end is gone. No load goes on after that: what it measured would be something else. */
  #end(why: string): void {
    if (this.closed) return;
    this.closed = true;
    this.#tcp?.terminate();
    const error = new Error(`a connection ended: ${why}`);
    if (this.#failed !== undefined) this.#failed(error);
    else throw error;
  }

  #read(chunk: Uint8Array): void {
    let bytes = chunk;
    if (this.#rest.length > 0) {
      bytes = Buffer.concat([this.#rest, chunk]);
      this.#rest = noBytes;
    }
    let at = 0;
    if (this.#opened !== undefined) {
      const end = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).indexOf(handshakeEnd);
      if (end < 0) {
        this.#rest = bytes.slice();
        return;
      }
      const head = decoder.decode(bytes.subarray(0, end));
      if (!head.startsWith("HTTP/1.1 101")) {
        this.#failed?.(new Error(head.slice(0, 200)));
        return;
      }
      at = end + 4;
      const opened = this.#opened;
      this.#opened = undefined;
      this.#failed = undefined;
      opened();
      // Whoever awaits the opening must be listening before the first frame is handed on.
      if (at < bytes.length) {
        this.#rest = bytes.slice(at);
        setTimeout(() => this.#read(noBytes), 0);
      }
      return;
    }
    while (at + 2 <= bytes.length) {
      let length = (bytes[at + 1] as number) & 127;
      let start = at + 2;
      if (length === 126) {
        if (start + 2 > bytes.length) break;
        length = ((bytes[start] as number) << 8) | (bytes[start + 1] as number);
        start += 2;
      } else if (length === 127) throw new Error("a frame over 64 KiB is none of ours");
      if (start + length > bytes.length) break;
      const opcode = (bytes[at] as number) & 15;
      at = start + length;
      if (opcode === 1) this.onFrame(bytes, start, at);
      else if (opcode === 8)
        this.#end(`close ${((bytes[start] as number) << 8) | (bytes[start + 1] as number)}`);
      else if (opcode === 9) this.write(pong);
    }
    if (at < bytes.length) this.#rest = bytes.slice(at);
    this.onRead();
  }
}

const pong = Uint8Array.of(0x8a, 0x80, 0, 0, 0, 0);

/** One text frame as a client sends it, the mask being zero. */
export function clientFrame(text: string): Uint8Array {
  const payload = encoder.encode(text);
  const long = payload.length > 125;
  const frame = new Uint8Array(payload.length + (long ? 8 : 6));
  frame[0] = 0x81;
  frame[1] = 0x80 | (long ? 126 : payload.length);
  if (long) {
    frame[2] = payload.length >> 8;
    frame[3] = payload.length & 255;
  }
  frame.set(payload, frame.length - payload.length);
  return frame;
}

/**
 * A frame with a number that rises: the number stands at the end of the text, right before the last brace, and is
 * counted up in place, digit by digit.
 */
export class CountingFrame {
  bytes: Uint8Array;
  readonly #before: string;
  #number: number;

  constructor(before: string, first: number) {
    this.#before = before;
    this.#number = first;
    this.bytes = clientFrame(`${before}${first}}`);
  }

  /** The next number's frame. The bytes are the same ones again: write or copy them before the next call. */
  next(): Uint8Array {
    const { bytes } = this;
    this.#number += 1;
    for (let at = bytes.length - 2; ; at--) {
      const digit = bytes[at] as number;
      if (digit < 48 || digit > 57) {
        this.bytes = clientFrame(`${this.#before}${this.#number}}`);
        return this.bytes;
      }
      if (digit < 57) {
        bytes[at] = digit + 1;
        return bytes;
      }
      bytes[at] = 48;
    }
  }

  get number(): number {
    return this.#number;
  }
}
