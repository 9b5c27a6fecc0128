import type { NodeHost } from "../net/node-host.ts";

/** A `Bun.serve`, or what a handler of it gets as its second argument. */
export interface BunHost {
  stop(closeActiveConnections?: boolean): Promise<void>;
  requestIP(request: Request): { readonly address: string } | null;
}

/** A Fastify instance. */
export interface FastifyHost {
  readonly server: NodeHost;
  // biome-ignore lint/suspicious/noExplicitAny: Fastify's types are Fastify's
  addHook(name: "onRequest", hook: (request: any, reply: any, done: () => void) => void): unknown;
}

/** Handlers of the WebSockets of a `Bun.serve`: each server has one set of them. */
export interface BunSocketHandlers {
  // biome-ignore lint/suspicious/noExplicitAny: what an application keeps in `data` is its own business
  message(ws: any, message: any): void | Promise<void>;
  // biome-ignore lint/suspicious/noExplicitAny: the handlers and options of Bun
  [name: string]: any;
}
