import { createSocket, type Socket } from "node:dgram";

/** What happens to the datagrams of one direction. */
export interface PathQuality {
  /** The share that is lost, from 0 to 1. */
  readonly loss: number;
  /** Each datagram is late by up to so many ms. */
  readonly jitter: number;
}

/** A relay in user space between clients and a server's UDP port: it loses datagrams and delays them, both ways. */
export class LossyRelay {
  quality: PathQuality = { loss: 0, jitter: 0 };
  /** Datagrams that were lost. */
  lost = 0;
  readonly #front = createSocket("udp4");
  readonly #backs = new Map<string, Socket>();
  readonly #server: number;

  /** Listens on a free port of 127.0.0.1. */
  static async start(server: number): Promise<LossyRelay> {
    const relay = new LossyRelay(server);
    await new Promise<void>((resolve) => relay.#front.bind(0, "127.0.0.1", resolve));
    return relay;
  }

  private constructor(server: number) {
    this.#server = server;
    this.#front.on("error", ignored);
    this.#front.on("message", (bytes, { port, address }) => {
      const back = this.#back(port, address);
      this.#pass(() => back.send(bytes, this.#server, "127.0.0.1"));
    });
  }

  get port(): number {
    return this.#front.address().port;
  }

  stop(): void {
    this.#front.close();
    for (const back of this.#backs.values()) back.close();
  }

  #back(port: number, address: string): Socket {
    const key = `${address} ${port}`;
    let back = this.#backs.get(key);
    if (back === undefined) {
      back = createSocket("udp4");
      back.on("error", ignored);
      back.on("message", (bytes) => this.#pass(() => this.#front.send(bytes, port, address)));
      back.bind(0, "127.0.0.1");
      this.#backs.set(key, back);
    }
    return back;
  }

  #pass(send: () => void): void {
    const { loss, jitter } = this.quality;
    if (Math.random() < loss) {
      this.lost += 1;
      return;
    }
    if (jitter === 0) send();
    else setTimeout(send, Math.random() * jitter);
  }
}

/** A side that has gone answers by ICMP: its datagrams are lost. */
function ignored(): void {}
