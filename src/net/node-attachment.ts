import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { NodeHandler } from "./node-handler.ts";
import type { NodeHost } from "./node-host.ts";
import { refuseUpgrade } from "./node-web.ts";
import { requestUrl } from "./request-url.ts";
import { refusalResponse } from "./upgrade.ts";

/** Which of the requests of a server are ours, by their paths. */
export interface Claims {
  request(pathname: string): boolean;
  upgrade(pathname: string): boolean;
}

/**
 * Takes part in a server that the application has: what is claimed is served, and everything else stays the application's, whatever
 * else listens there or comes to do so. `closing` is called when the server is told to close. Answers what ends the part.
 *
 * Events are taken before any listener hears of them. As one listener among others it would not do: a WebSocket server for a path of its own,
 * such as that of `ws`, refuses every upgrade that is not for that path.
 */
export function attachToNode(
  server: NodeHost,
  handler: Pick<NodeHandler, "request" | "upgrade">,
  claims: Claims,
  closing: () => void,
): () => void {
  const { emit, close } = server;
  // Without any listener Node takes an upgrade for a plain request.
  const unclaimed = (_incoming: IncomingMessage, raw: Duplex): void => {
    if (server.listenerCount("upgrade") > 1) return;
    raw.on("error", () => raw.destroy());
    refuseUpgrade(raw, refusalResponse({ status: 404, body: "No WebSocket is served at this address." }));
  };
  server.on("upgrade", unclaimed);
  let attached = true;
  const emitOurs = function (this: NodeHost, event: string, ...args: unknown[]): boolean {
    if (!attached) return emit.call(this, event, ...args);
    if (event === "request") {
      const [incoming, outgoing] = args as [IncomingMessage, ServerResponse];
      if (claims.request(pathOf(incoming))) {
        void handler.request(incoming, outgoing);
        return true;
      }
    } else if (event === "upgrade") {
      const [incoming, raw, head] = args as [IncomingMessage, Duplex, Buffer];
      if (claims.upgrade(pathOf(incoming))) {
        handler.upgrade(incoming, raw, head);
        return true;
      }
    }
    return emit.call(this, event, ...args);
  };
  const closeOurs = function (this: NodeHost, ...args: Parameters<NodeHost["close"]>) {
    if (attached) closing();
    return close.apply(this, args);
  };
  server.emit = emitOurs;
  server.close = closeOurs;
  return () => {
    attached = false;
    server.off("upgrade", unclaimed);
    // Others may have put themselves before us since.
    if (server.emit === emitOurs) server.emit = emit;
    if (server.close === closeOurs) server.close = close;
  };
}

/** The path of a request's target; empty where that is unusable. */
export function pathOf({ url = "" }: Pick<IncomingMessage, "url">): string {
  const address = requestUrl(false, undefined, url);
  return address === undefined ? "" : new URL(address).pathname;
}
