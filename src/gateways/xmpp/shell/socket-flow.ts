import type { Socket, SocketRoute } from "../../../net/http-server.ts";
import { oneDirect } from "../../../transports/fair-queue.ts";
import type { FlowRates } from "../../../transports/flow-meter.ts";
import { type EntryGuard, refuseEntry, refuseWhenFull } from "../../../transports/transport-guard.ts";
import { closeCodes, MeteredSocket, type SocketUser } from "../../shell/metered-socket.ts";
import type { Flow } from "../xmpp-context.ts";

/** What the shell of a connection needs of the gateway that it belongs to. */
export interface GatewayShell {
  /** The bounds of each connection. */
  readonly rates: FlowRates;
  /** True when there may be no more connections. */
  readonly full: boolean;
  opened(flow: Flow): void;
  closed(flow: Flow): void;
  received(text: string, flow: Flow): void;
  sent(): void;
}

/** XMPP over WebSocket (RFC 7395): a message is one element, as text. */
export function socketRoute(gateway: GatewayShell, guard: EntryGuard): SocketRoute {
  return {
    path: "/xmpp",
    protocol: "xmpp",
    check: (request, client) => refuseEntry(guard, request, client) ?? refuseWhenFull(gateway),
    open: (socket) => new SocketFlow(gateway, guard, socket).socket,
  };
}

class SocketFlow implements Flow, SocketUser {
  readonly socket: MeteredSocket;
  readonly #gateway: GatewayShell;

  constructor(gateway: GatewayShell, guard: EntryGuard, socket: Socket) {
    this.#gateway = gateway;
    this.socket = new MeteredSocket(gateway.rates, guard, socket, this, oneDirect);
    gateway.opened(this);
  }

  get open(): boolean {
    return this.socket.open;
  }

  get address(): string {
    return this.socket.address;
  }

  send(text: string): void {
    if (!this.open) return;
    this.#gateway.sent();
    this.socket.send(text);
  }

  close(reason: string): void {
    this.socket.close(reason);
  }

  // SocketUser

  received(message: string | Uint8Array): void {
    if (typeof message === "string") this.#gateway.received(message, this);
    else this.socket.close("messages are text", closeCodes.unsupported);
  }

  closed(): void {
    this.#gateway.closed(this);
  }
}
