// Carries TCP connections on, between a port and a Unix socket too: bun forward.ts FROM TO
import { connect, createServer, type Server } from "node:net";

/** Listens at `from` and connects each connection to `to`: ports of 127.0.0.1, or paths of Unix sockets. Resolves once it listens. */
export async function forward(from: number | string, to: number | string): Promise<Server> {
  const server = createServer((socket) => {
    const far = typeof to === "number" ? connect(to, "127.0.0.1") : connect(to);
    socket.pipe(far).pipe(socket);
    for (const [one, other] of [
      [socket, far],
      [far, socket],
    ] as const) {
      one.on("error", () => other.destroy());
      one.on("close", () => other.destroy());
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    if (typeof from === "number") server.listen(from, "127.0.0.1", resolve);
    else server.listen(from, resolve);
  });
  return server;
}

if (import.meta.main) {
  const [from = "", to = ""] = process.argv.slice(2).map((word) => Number(word) || word);
  await forward(from, to);
  console.log("forwards");
}
