import type { HttpServer, ServerOptions } from "./http-server.ts";

/** The runtime under the server. */
export const runtime: "bun" | "node" = process.versions.bun === undefined ? "node" : "bun";

/** Starts a server with what the runtime has for it. Rejects when the address can't be used. */
export async function listen(options: ServerOptions): Promise<HttpServer> {
  // Bun's own server can't take a connection whose first bytes were read before. Its `node:http` can.
  const shared = options.tls !== undefined && options.stun !== undefined;
  if (runtime === "bun" && !shared) {
    const { BunServer } = await import("./bun-server.ts");
    return new BunServer(options);
  }
  const { NodeServer } = await import("./node-server.ts");
  return NodeServer.listen(options);
}
