import type { Socket } from "node:net";
import type { Server } from "node:tls";
import { after } from "./clock.ts";

/** Longest TLS handshake, from the connection on. ms */
export const handshakeTimeout = 10_000;

/**
 * Cuts connections to a TLS server whose handshake fails or takes too long. The platform's own timeout begins anew with each
 * byte, and leaves the connection open.
 */
export function limitHandshakes(server: Server, timeout: number = handshakeTimeout): void {
  const waiting = new Map<string, () => void>();
  server.on("connection", (raw: Socket) => {
    const name = nameOf(raw);
    const cancel = after(timeout, () => raw.destroy());
    waiting.set(name, cancel);
    raw.once("close", () => {
      cancel();
      if (waiting.get(name) === cancel) waiting.delete(name);
    });
  });
  // Node tells of a secured socket that is another object than the connection under it.
  server.on("secureConnection", (socket) => waiting.get(nameOf(socket))?.());
  server.on("tlsClientError", (_error, socket) => socket.destroy());
}

function nameOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
