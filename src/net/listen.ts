import type { HttpServer, ServerOptions } from "./http-server.ts";

/** The runtime under the server. */
export const runtime: "bun" | "node" = process.versions.bun === undefined ? "node" : "bun";

/** Starts a server on what the runtime has for it. Rejects when the address can't be had. */
export async function listen(options: ServerOptions): Promise<HttpServer> {
  // Bun's own server takes no connection that somebody else has read the first byte of; its `node:http` does.
  const shared = options.tls !== undefined && options.stun !== undefined;
  if (runtime === "bun" && !shared) {
    const { BunServer } = await import("./bun-server.ts");
    return new BunServer(options);
  }
  const { NodeServer } = await import("./node-server.ts");
  return NodeServer.listen(options);
}
