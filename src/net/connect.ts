import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { type StreamHandlers, type StreamSocket, serveStream } from "./tcp.ts";

export interface ConnectOptions {
  readonly host: string;
  readonly port: number;
  /** Use TLS. The certificate is checked for `host` unless `trustAny`. */
  readonly tls?: { readonly trustAny: boolean };
  /** ms */
  readonly timeout: number;
}

/** Opens a stream. Rejects with an Error that says why it failed. */
export function connectStream(
  options: ConnectOptions,
  accept: (stream: StreamSocket) => StreamHandlers,
): Promise<StreamSocket> {
  const { host, port, tls, timeout } = options;
  return new Promise((resolve, reject) => {
    const connected = (): void => {
      clearTimeout(timer);
      socket.off("error", reject);
      serveStream(socket, (stream) => {
        resolve(stream);
        return accept(stream);
      });
    };
    const socket: Socket =
      tls === undefined
        ? connect({ host, port }, connected)
        : connectTls({ host, port, servername: nameOf(host), rejectUnauthorized: !tls.trustAny }, connected);
    const timer = setTimeout(() => {
      socket.destroy();
      reject(new Error(`no connection within ${timeout} ms`));
    }, timeout);
    socket.once("error", (error) => {
      clearTimeout(timer);
      reject(error);
    });
  });
}

/** The name for TLS' server name indication, which may not be an address (RFC 6066 §3). */
function nameOf(host: string): string {
  return /^[0-9.]+$/.test(host) || host.includes(":") ? "" : host;
}
