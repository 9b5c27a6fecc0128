import type { StreamHandlers, StreamSocket } from "../../../net/tcp.ts";
import { encodeText } from "../../../wire/stun/text.ts";
import type { Flow, FlowOwner } from "../flow.ts";
import { pong } from "../keep-alive.ts";
import type { SipMessage } from "../message.ts";
import { serializeBytes } from "../serializer.ts";
import { StreamFraming } from "../stream-framing.ts";

/** A connection in which more bytes wait is closed: its client is too slow. */
const sendBuffer = 1_048_576;
const pongBytes = encodeText(pong);

/** SIP over TCP (RFC 3261 §18.3): Content-Length tells where a message ends. */
export function acceptStream(
  gateway: FlowOwner,
  stream: StreamSocket,
  local: { readonly host: string; readonly port: number },
): StreamHandlers | undefined {
  return gateway.full ? undefined : new StreamFlow(gateway, stream, local);
}

class StreamFlow implements Flow, StreamHandlers {
  readonly id: number;
  readonly transport = "TCP";
  readonly reliable = true;
  readonly host: string;
  readonly port: number;
  readonly #gateway: FlowOwner;
  readonly #stream: StreamSocket;
  readonly #framing = new StreamFraming();
  open = true;

  constructor(
    gateway: FlowOwner,
    stream: StreamSocket,
    local: { readonly host: string; readonly port: number },
  ) {
    this.id = gateway.nextFlow();
    this.host = local.host;
    this.port = local.port;
    this.#gateway = gateway;
    this.#stream = stream;
    gateway.opened(this);
  }

  get address(): string {
    return this.#stream.remoteAddress;
  }

  send(message: SipMessage): void {
    if (!this.open) return;
    this.#gateway.sent();
    this.#stream.write(serializeBytes(message));
    if (this.#stream.buffered > sendBuffer) this.close();
  }

  close(): void {
    if (!this.open) return;
    this.#stream.destroy();
    this.closed();
  }

  data(bytes: Uint8Array): void {
    const write = (text: string): void => this.#stream.write(encodeText(text));
    const fault = this.#framing.push(bytes, {
      message: (message) => this.#gateway.received(message, this, write),
      ping: () => this.#stream.write(pongBytes),
    });
    if (fault === undefined) return;
    if (fault.head !== undefined) this.#gateway.received(fault.head, this, write);
    this.close();
  }

  closed(): void {
    if (!this.open) return;
    this.open = false;
    this.#gateway.closed(this);
  }
}
