import type { Socket, SocketRoute } from "../../../net/http-server.ts";
import { oneDirect } from "../../../transports/fair-queue.ts";
import type { FlowRates } from "../../../transports/flow-meter.ts";
import { type EntryGuard, refuseEntry, refuseWhenFull } from "../../../transports/transport-guard.ts";
import { MeteredSocket, type SocketUser } from "../../shell/metered-socket.ts";
import type { Flow, FlowOwner } from "../flow.ts";
import { keepAlive, pong } from "../keep-alive.ts";
import type { SipMessage } from "../message.ts";
import { serializeBytes, serializeText } from "../serializer.ts";

/** What the shell of a connection needs of the gateway that it belongs to. */
export interface GatewayShell extends FlowOwner {
  /** The bounds of each connection. */
  readonly rates: FlowRates;
}

/** SIP over WebSocket (RFC 7118): a message is a frame, of text or of bytes. */
export function socketRoute(gateway: GatewayShell, guard: EntryGuard): SocketRoute {
  return {
    path: "/sip",
    protocol: "sip",
    check: (request, client) => refuseEntry(guard, request, client) ?? refuseWhenFull(gateway),
    open: (socket) => new SocketFlow(gateway, guard, socket).socket,
  };
}

class SocketFlow implements Flow, SocketUser {
  readonly id: number;
  readonly transport = "WS";
  readonly reliable = true;
  readonly host: string;
  readonly port = undefined;
  readonly socket: MeteredSocket;
  readonly #gateway: GatewayShell;

  constructor(gateway: GatewayShell, guard: EntryGuard, socket: Socket) {
    this.id = gateway.nextFlow();
    this.host = gateway.settings.domain || "switchboard.invalid";
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

  send(message: SipMessage): void {
    if (!this.open) return;
    this.#gateway.sent(message, this);
    // A body that is not text can only be sent as bytes.
    this.socket.send(serializeText(message) ?? new Uint8Array(serializeBytes(message)));
  }

  close(reason: string): void {
    this.socket.close(reason);
  }

  // SocketUser

  received(input: string | Uint8Array): void {
    const alive = keepAlive(input);
    if (alive === "ping") this.socket.send(pong);
    if (alive === undefined) this.#gateway.received(input, this, (text) => this.socket.send(text));
  }

  closed(): void {
    this.#gateway.closed(this);
  }
}
