import { canonicalAddress } from "../../../net/client-address.ts";
import type { Client } from "../../../net/http-server.ts";
import type { StreamHandlers, StreamSocket } from "../../../net/tcp.ts";
import { Backlog, oneDirect, type Worker } from "../../../transports/fair-queue.ts";
import { FlowMeter } from "../../../transports/flow-meter.ts";
import { type EntryGuard, refuseConnection } from "../../../transports/transport-guard.ts";
import { encodeText } from "../../../wire/stun/text.ts";
import type { Flow } from "../flow.ts";
import { pong } from "../keep-alive.ts";
import type { SipMessage } from "../message.ts";
import { serializeBytes } from "../serializer.ts";
import { StreamFraming } from "../stream-framing.ts";
import type { GatewayShell } from "./socket-flow.ts";

const pongBytes = encodeText(pong);

/** SIP over TCP (RFC 3261 §18.3): Content-Length tells where a message ends. Undefined refuses the connection. */
export function acceptStream(
  gateway: GatewayShell,
  guard: EntryGuard,
  stream: StreamSocket,
  local: { readonly host: string; readonly port: number },
): StreamHandlers | undefined {
  const address = canonicalAddress(stream.remoteAddress) ?? stream.remoteAddress;
  const client = { address, peer: address };
  if (gateway.full || refuseConnection(guard, client) !== undefined) return undefined;
  return new StreamFlow(gateway, guard, stream, client, local);
}

/** A message, or what is to be done after those before. */
type Input = Uint8Array | (() => void);

class StreamFlow implements Flow, StreamHandlers, Worker<Input> {
  readonly id: number;
  readonly transport = "TCP";
  readonly reliable = true;
  readonly host: string;
  readonly port: number;
  readonly #gateway: GatewayShell;
  readonly #guard: EntryGuard;
  readonly #stream: StreamSocket;
  readonly #client: Client;
  readonly #meter: FlowMeter;
  readonly #backlog: Backlog<Input>;
  readonly #framing = new StreamFraming();
  /** Nothing more can be read of the stream: it closes after what waits. */
  #unreadable = false;
  open = true;

  constructor(
    gateway: GatewayShell,
    guard: EntryGuard,
    stream: StreamSocket,
    client: Client,
    local: { readonly host: string; readonly port: number },
  ) {
    this.id = gateway.nextFlow();
    this.host = local.host;
    this.port = local.port;
    this.#gateway = gateway;
    this.#guard = guard;
    this.#stream = stream;
    this.#client = client;
    this.#meter = new FlowMeter(gateway.rates, guard.now());
    this.#backlog = new Backlog<Input>(guard.queue, this, oneDirect);
    guard.admission.entered(client);
    gateway.opened(this);
  }

  get address(): string {
    return this.#client.address;
  }

  send(message: SipMessage): void {
    if (!this.open) return;
    this.#gateway.sent(message, this);
    this.#write(serializeBytes(message));
  }

  close(): void {
    if (!this.open) return;
    this.#stream.destroy();
    this.#gone();
  }

  data(bytes: Uint8Array): void {
    if (!this.open || this.#unreadable) return;
    if (!this.#meter.bytes(bytes.length, this.#guard.now())) {
      this.flooded();
      return;
    }
    const fault = this.#framing.push(bytes, {
      message: (message) => this.#counted(message),
      ping: () => this.#counted(this.#pong),
    });
    if (fault === undefined) return;
    this.#unreadable = true;
    if (fault.head !== undefined) this.#counted(fault.head);
    this.#wait(() => this.close());
  }

  closed(): void {
    this.#wait(() => this.#gone());
  }

  // Worker

  perform(input: Input): void {
    if (!this.open) return;
    if (typeof input === "function") input();
    else this.#gateway.received(input, this, (text) => this.#write(encodeText(text)));
  }

  flooded(): void {
    if (!this.open) return;
    this.#guard.admission.flooded(this.#client, this.#guard.now());
    this.close();
  }

  failed(): void {
    this.close();
  }

  /** Acts on a message, once it has been counted. */
  #counted(input: Input): void {
    if (!this.open) return;
    if (this.#meter.framed(this.#guard.now())) this.#wait(input);
    else this.flooded();
  }

  #wait(input: Input): void {
    const size = typeof input === "function" ? 0 : input.length;
    this.#backlog.take(input, size, this.#guard.now());
  }

  readonly #pong = (): void => this.#write(pongBytes);

  #write(bytes: Uint8Array): void {
    if (!this.open) return;
    this.#stream.write(bytes);
    if (!this.#meter.waiting(this.#stream.buffered)) this.close();
  }

  #gone(): void {
    if (!this.open) return;
    this.open = false;
    this.#backlog.clear();
    this.#guard.admission.left(this.#client);
    this.#gateway.closed(this);
  }
}
