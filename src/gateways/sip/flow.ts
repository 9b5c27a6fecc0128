import type { SipMessage } from "./message.ts";

/**
 * One connection of a client, as the pure parts see it. Messages to a client go by its flow and never by what a URI resolves
 * to (RFC 5626 §3.2, RFC 7118 §5).
 */
export interface Flow {
  readonly id: number;
  /** As a Via says it: `WS`, `WSS`, `TCP`, `TLS`. */
  readonly transport: string;
  /** False where messages may be lost, so that they are sent again (UDP). */
  readonly reliable: boolean;
  /** What we call ourselves on it, in Via and Contact. */
  readonly host: string;
  readonly port: number | undefined;
  /** The client's address. */
  readonly address: string;
  readonly open: boolean;
  /** Sends one message; nothing happens once the flow is closed. */
  send(message: SipMessage): void;
  close(reason: string): void;
}
