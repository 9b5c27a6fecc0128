import { chmodSync, rmSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";

/** A stream between two processes of this machine. */
export interface LocalStream {
  /** Bytes that the other process has not taken yet. */
  readonly buffered: number;
  /** Writes. The bytes must not change afterwards. */
  write(bytes: Uint8Array): void;
  destroy(): void;
}

export interface LocalHandlers {
  /** Bytes came. The receiver may keep them. */
  data(bytes: Uint8Array): void;
  /** The stream has closed, whoever closed it. Called once. */
  closed(): void;
}

/**
 * Listens on a Unix socket that only this user can open. A socket that a process left behind there is removed. Rejects with an Error
 * that has a `code`. The result stops listening and closes all streams.
 */
export function listenUnix(
  path: string,
  accept: (stream: LocalStream) => LocalHandlers,
): Promise<() => void> {
  rmSync(path, { force: true });
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.once("close", () => open.delete(socket));
    serve(socket, accept);
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, () => {
      chmodSync(path, 0o600);
      resolve(() => {
        server.close();
        for (const socket of open) socket.destroy();
        rmSync(path, { force: true });
      });
    });
  });
}

/** Opens a stream to whoever listens there. What is written before it is connected is sent then; if it can't be, it closes. */
export function connectUnix(path: string, handlers: LocalHandlers): LocalStream {
  return serve(connect(path), () => handlers);
}

function serve(socket: Socket, accept: (stream: LocalStream) => LocalHandlers): LocalStream {
  // A `close` event follows each error.
  socket.on("error", () => {});
  const stream: LocalStream = {
    get buffered() {
      return socket.writableLength;
    },
    write: (bytes) => {
      if (!socket.destroyed) socket.write(bytes);
    },
    destroy: () => socket.destroy(),
  };
  const handlers = accept(stream);
  socket.on("data", (bytes: Uint8Array) => handlers.data(bytes));
  socket.on("close", () => handlers.closed());
  return stream;
}
