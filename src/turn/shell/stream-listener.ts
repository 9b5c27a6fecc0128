import type { StreamHandlers, StreamSocket } from "../../net/tcp.ts";
import { parseAddress, unmapped } from "../../shared/ip-address.ts";
import { StreamSplitter } from "../../wire/stun/stream-splitter.ts";
import type { TransportAddress } from "../../wire/stun/transport-address.ts";
import type { Allocation } from "../allocation.ts";
import type { Client } from "../client.ts";
import type { TurnLimits } from "../limits.ts";
import type { TurnMachine } from "../machine.ts";
import type { MessageTurns } from "./message-turns.ts";

/** A connection in which more bytes of answers wait is closed: its client does not read. */
const mostAnswers = 1 << 20;

/** Serves TCP and TLS connections. Closes those without an allocation after a while. */
export class StreamListener {
  readonly #machine: TurnMachine;
  readonly #limits: TurnLimits;
  readonly #now: () => number;
  readonly #turns: MessageTurns;
  readonly #clients = new Set<StreamClient>();

  constructor(machine: TurnMachine, turns: MessageTurns, now: () => number) {
    this.#machine = machine;
    this.#turns = turns;
    this.#limits = machine.options.limits;
    this.#now = now;
  }

  get size(): number {
    return this.#clients.size;
  }

  accept(socket: StreamSocket, transport: "tcp" | "tls"): StreamHandlers | undefined {
    const { stats } = this.#machine;
    const bytes = parseAddress(socket.remoteAddress);
    if (bytes === undefined) return undefined;
    const source = { address: unmapped(bytes), port: socket.remotePort };
    const client = new StreamClient(socket, transport, source, this.#limits.sendBuffer, this.#now());
    this.#clients.add(client);
    const refuse = (): void => {
      if (!client.open) return;
      stats.refuse("malformed");
      client.cut();
    };
    const turns = this.#turns.stream({
      perform: (message) => {
        if (!client.open) return;
        this.#machine.message(client, message, this.#now());
        if (!client.readsItsAnswers) refuse();
      },
      pause: () => socket.pause(),
      resume: () => socket.resume(),
    });
    const take = (message: Uint8Array): boolean => {
      turns.take(message);
      return client.open;
    };
    return {
      data: (chunk) => {
        // Text looks like ChannelData: a client that doesn't begin with STUN speaks another protocol.
        const stranger = !client.spoke && (chunk[0] ?? 0xff) > 3;
        client.spoke = true;
        if (stranger || !client.splitter.push(chunk, take)) turns.take(refuse);
      },
      closed: () =>
        turns.take(() => {
          client.open = false;
          this.#clients.delete(client);
          this.#machine.disconnected(client);
        }),
    };
  }

  /** Cuts connections that have had no allocation for too long. */
  sweep(now: number): void {
    for (const client of this.#clients) {
      if (client.allocation !== undefined) client.idleSince = now;
      else if (now - client.idleSince >= this.#limits.preAuthTimeout) {
        this.#machine.stats.refuse("connection_timeout");
        client.cut();
      }
    }
  }
}

class StreamClient implements Client {
  readonly transport: "tcp" | "tls";
  readonly source: TransportAddress;
  readonly splitter = new StreamSplitter();
  allocation: Allocation | undefined;
  pending: Uint8Array | undefined;
  /** False once the connection is closed, or about to be: what it has brought is not acted on any more. */
  open = true;
  /** The client has sent something. */
  spoke = false;
  /** Since when the client has had no allocation. */
  idleSince: number;
  readonly #socket: StreamSocket;
  readonly #sendBuffer: number;

  constructor(
    socket: StreamSocket,
    transport: "tcp" | "tls",
    source: TransportAddress,
    sendBuffer: number,
    now: number,
  ) {
    this.#socket = socket;
    this.transport = transport;
    this.source = source;
    this.#sendBuffer = sendBuffer;
    this.idleSince = now;
  }

  get readsItsAnswers(): boolean {
    return this.#socket.buffered <= mostAnswers;
  }

  send(message: Uint8Array): void {
    this.#socket.write(message.slice());
  }

  relay(bytes: Uint8Array, length: number): boolean {
    if (this.#socket.buffered + length > this.#sendBuffer) return false;
    // RFC 8656 §12.5: over a stream, ChannelData is padded. STUN messages always are.
    const message = new Uint8Array((length + 3) & ~3);
    message.set(bytes.subarray(0, length));
    this.#socket.write(message);
    return true;
  }

  released(): void {}

  cut(): void {
    this.open = false;
    this.#socket.destroy();
  }
}
