import type { Client, Socket, SocketRoute } from "../../../net/http-server.ts";
import type { FlowRates } from "../../../transports/flow-meter.ts";
import { type EntryGuard, refuseGuestEntry, refuseWhenFull } from "../../../transports/transport-guard.ts";
import { closeCodes, MeteredSocket, type SocketUser } from "../../shell/metered-socket.ts";
import { noticeText } from "../frames.ts";
import type { Flow } from "../peerjs-context.ts";
import type { Credentials } from "../sign-in.ts";

/** What the shell of a connection needs of the gateway that it belongs to. */
export interface GatewayShell {
  /** The bounds of each connection. */
  readonly rates: FlowRates;
  /** True when there may be no more connections. */
  readonly full: boolean;
  opened(flow: Flow, credentials: Credentials): void;
  closed(flow: Flow): void;
  received(text: string, flow: Flow): void;
  sent(): void;
}

/** Where clients connect: those with the option `path: "/peerjs"`, and those without one. */
const socketPaths = ["/peerjs/peerjs", "/peerjs"] as const;

/** The routes of WebSocket clients: a message is a frame of text. */
export function socketRoutes(gateway: GatewayShell, guard: EntryGuard): SocketRoute[] {
  /** Where pages of guests come from, until their sockets open. */
  const guests = new WeakMap<Client, string>();
  return socketPaths.map((path) => ({
    path,
    check: (request, client) => {
      const origin = guard.access.guestOrigin(request);
      if (origin !== undefined) guests.set(client, origin);
      return refuseGuestEntry(guard, request, client) ?? refuseWhenFull(gateway);
    },
    open: (socket, url) => {
      const guestOrigin = guests.get(socket.client);
      return new SocketFlow(gateway, guard, socket, { ...credentialsOf(url), guestOrigin }).socket;
    },
  }));
}

class SocketFlow implements Flow, SocketUser {
  readonly socket: MeteredSocket;
  readonly #gateway: GatewayShell;

  constructor(gateway: GatewayShell, guard: EntryGuard, socket: Socket, credentials: Credentials) {
    this.#gateway = gateway;
    this.socket = new MeteredSocket(gateway.rates, guard, socket, this);
    gateway.opened(this, credentials);
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
    if (typeof message === "string") {
      this.#gateway.received(message, this);
      return;
    }
    this.send(noticeText({ error: "Messages are text" }));
    this.socket.close("messages are text", closeCodes.unsupported);
  }

  closed(): void {
    this.#gateway.closed(this);
  }
}

function credentialsOf(url: string): Credentials {
  const { searchParams } = new URL(url);
  const get = (name: string) => searchParams.get(name) ?? "";
  return { key: get("key"), id: get("id"), token: get("token") };
}
