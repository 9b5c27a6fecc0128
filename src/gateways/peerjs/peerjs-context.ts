import type { Deadline } from "../../shared/deadlines.ts";
import type { GatewayPort } from "../../signaling/gateway-port.ts";
import type { PeerjsSettings } from "./settings.ts";

/** A socket of a client, for the pure parts. */
export interface Flow {
  /** The client's address. */
  readonly address: string;
  readonly open: boolean;
  /** Sends one message. Does nothing once the flow is closed. */
  send(text: string): void;
  close(reason: string): void;
}

/** What every part of the gateway needs. */
export interface PeerjsContext {
  readonly core: GatewayPort;
  readonly settings: PeerjsSettings;
  /** A client was told OPEN, by this socket. */
  readonly entered?: ((flow: Flow, id: string, token: string) => void) | undefined;
  /** Tells who owns that client at other nodes, each owner once. Undefined: there are no other nodes. */
  readonly ownersElsewhere?:
    | ((user: string, device: string, done: (owners: readonly string[], now: number) => void) => void)
    | undefined;
  /** Calls `due` once, this many ms after `now`. */
  after(ms: number, now: number, due: (now: number) => void): Deadline;
}
