import { connect, type Socket } from "node:net";

/** A TCP connection whose bytes the test writes itself. */
export class RawSocket {
  readonly socket: Socket;
  #received = Buffer.alloc(0);

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (bytes: Buffer) => {
      this.#received = Buffer.concat([this.#received, bytes]);
    });
    socket.on("error", () => {});
  }

  /** Everything that came so far. */
  get received(): Buffer {
    return this.#received;
  }

  static open(port: number, host = "127.0.0.1"): Promise<RawSocket> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, host, () => resolve(new RawSocket(socket)));
      socket.once("error", reject);
    });
  }

  /** A WebSocket handshake was made on it. */
  static async upgraded(port: number, path: string, protocol: string): Promise<RawSocket> {
    const raw = await RawSocket.open(port);
    raw.socket.write(
      `GET ${path} HTTP/1.1\r\nHost: localhost:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
        `Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: ${protocol}\r\n\r\n`,
    );
    await raw.until("\r\n\r\n");
    return raw;
  }

  /** Everything that came, once it holds this text. */
  until(text: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const all = this.#received.toString("latin1");
        if (!all.includes(text)) return;
        this.socket.off("data", look);
        resolve(all);
      };
      this.socket.on("data", look);
      this.socket.once("close", () => reject(new Error(`closed before ${JSON.stringify(text)} came`)));
      look();
    });
  }

  /** One masked WebSocket frame (RFC 6455 §5.2), the mask being zero. */
  frame(opcode: number, payload: Buffer): void {
    const long = payload.length > 125;
    const head = long
      ? Buffer.of(0x80 | opcode, 0xfe, payload.length >> 8, payload.length & 255, 0, 0, 0, 0)
      : Buffer.of(0x80 | opcode, 0x80 | payload.length, 0, 0, 0, 0);
    this.socket.write(Buffer.concat([head, payload]));
  }
}
