import type { SipMessage } from "./message.ts";
import type { SipSettings } from "./settings.ts";

/**
 * A connection of a client, for the pure parts. Messages to a client are sent on its flow, and never to what a URI resolves to
 * (RFC 5626 §3.2, RFC 7118 §5).
 */
export interface Flow {
  readonly id: number;
  /** As in a Via: `WS`, `WSS`, `TCP`, `TLS`. */
  readonly transport: string;
  /** False where messages may get lost and must be repeated (UDP). */
  readonly reliable: boolean;
  /** Our own host on this flow, for Via and Contact. */
  readonly host: string;
  readonly port: number | undefined;
  /** The client's address. */
  readonly address: string;
  readonly open: boolean;
  /** Sends one message. Does nothing once the flow is closed. */
  send(message: SipMessage): void;
  close(reason: string): void;
}

/** What a flow needs of the gateway that it belongs to. */
export interface FlowOwner {
  readonly settings: SipSettings;
  /** True when there may be no more flows. */
  readonly full: boolean;
  /** An id for a flow. */
  nextFlow(): number;
  opened(flow: Flow): void;
  closed(flow: Flow): void;
  /** A message was sent on that flow. */
  sent(message: SipMessage, flow: Flow): void;
  /** One whole message came, which was counted and not yet parsed. `write` sends the text of a refusal that no parsed message stands for. */
  received(input: string | Uint8Array, flow: Flow, write: (text: string) => void): void;
}
