import type { HandlerOptions } from "../net/http-server.ts";
import { runtime } from "../net/listen.ts";
import { attachToNode, type Claims, pathOf } from "../net/node-attachment.ts";
import type { NodeHandler } from "../net/node-handler.ts";
import type { NodeHost } from "../net/node-host.ts";
import type { BunHost, BunSocketHandlers, FastifyHost } from "./hosts.ts";
import type { Switchboard } from "./switchboard.ts";

/** The names at the root of a server that are ours, where no path sets us apart. Of the pages only the console is served there. */
const rootNames =
  /^\/(link|whip|whep|hls|health|metrics|api\/v1|peerjs|(client(-[a-z-]+)?|live|hls)\.js|console(-\w+\.(js|css))?|icon-\w+\.svg)(\/|$)/;

/** Takes part in servers that the application has. */
export class Embedding {
  readonly #switchboard: Switchboard;
  readonly #options: HandlerOptions;
  readonly #claims: Claims;
  readonly #detach: (() => void)[] = [];
  readonly #node: NodeHandler | undefined;
  readonly #bun: import("../net/bun-handler.ts").BunHandler | undefined;
  readonly #patched = new WeakSet<BunHost>();
  #closing = false;

  /** `only`: without a path, the requests and upgrades that are taken; by default everything that is ours. */
  static async make(switchboard: Switchboard, options: HandlerOptions, only?: RegExp): Promise<Embedding> {
    // Bun serves Node's servers as well as its own.
    const { NodeHandler } = await import("../net/node-handler.ts");
    const bun = runtime === "bun" ? await import("../net/bun-handler.ts") : undefined;
    const handlers = { node: new NodeHandler(options), bun: bun && new bun.BunHandler(options) };
    return new Embedding(switchboard, options, handlers, only);
  }

  private constructor(
    switchboard: Switchboard,
    options: HandlerOptions,
    { node, bun }: { node: NodeHandler; bun: import("../net/bun-handler.ts").BunHandler | undefined },
    only: RegExp | undefined,
  ) {
    const { path } = switchboard.settings;
    this.#switchboard = switchboard;
    this.#options = options;
    this.#node = node;
    this.#bun = bun;
    // The root itself is the application's: MQTT clients whose URL has no path find nothing there.
    const isSocket = (pathname: string): boolean =>
      pathname !== "/" && options.sockets.some((route) => route.path === pathname);
    this.#claims = {
      request: (pathname) =>
        path === ""
          ? (only ?? rootNames).test(pathname) || (only === undefined && isSocket(pathname))
          : pathname === path || pathname.startsWith(`${path}/`),
      upgrade: (pathname) => isSocket(pathname) && (path !== "" || only === undefined || only.test(pathname)),
    };
    switchboard.carriedBy({
      stop: async () => {
        for (const detach of this.#detach) detach();
        this.#node?.stop();
        this.#bun?.flush();
      },
    });
  }

  attach(host: NodeHost | FastifyHost | BunHost): void {
    if ("addHook" in host) this.#attachToFastify(host);
    else if ("on" in host) this.#attachToNode(host);
    else this.#watch(host);
  }

  /** Answers a request of a `Bun.serve`, or a WebSocket handshake; undefined where it is not ours. */
  fetch(request: Request, server: BunHost): Response | Promise<Response> | undefined {
    const bun = this.#bun;
    if (bun === undefined) throw new Error("fetch: only Bun.serve needs it; attach takes a server of Node");
    this.#watch(server);
    const { pathname } = new URL(request.url);
    const upgrade = request.headers.get("upgrade")?.toLowerCase() === "websocket";
    if (!(upgrade ? this.#claims.upgrade(pathname) : this.#claims.request(pathname))) return undefined;
    // After an upgrade Bun looks at no response; who tells by it that the request is answered needs one.
    return bun.fetch(request, server as never) ?? new Response(null);
  }

  websocket(own: object): BunSocketHandlers {
    const bun = this.#bun;
    if (bun === undefined)
      throw new Error("websocket: only Bun.serve needs it; attach takes a server of Node");
    return bun.joined(own);
  }

  #attachToNode(server: NodeHost): void {
    if (this.#node === undefined) return;
    this.#detach.push(attachToNode(server, this.#node, this.#claims, () => this.#close()));
  }

  /** Where Fastify listens on several addresses, only one of its servers is known to others. */
  #attachToFastify(host: FastifyHost): void {
    this.#attachToNode(host.server);
    type Raw = Parameters<NodeHandler["request"]>;
    type Reply = { readonly raw: Raw[1]; hijack(): void };
    host.addHook("onRequest", ({ raw }: { readonly raw: Raw[0] }, reply: Reply, done) => {
      if (this.#closing || !this.#claims.request(pathOf(raw))) {
        done();
        return;
      }
      reply.hijack();
      void this.#node?.request(raw, reply.raw);
    });
  }

  /** Notes when a `Bun.serve` stops. */
  #watch(server: BunHost): void {
    if (this.#patched.has(server)) return;
    this.#patched.add(server);
    const stop = server.stop.bind(server);
    server.stop = async (closeActiveConnections) => {
      if (closeActiveConnections === true) {
        void this.#close();
        await stop(true);
        return;
      }
      const stopped = stop(false);
      await this.#close();
      await stopped;
    };
  }

  /** The host closes: every device goes elsewhere, and then nothing of us is left. */
  #close(): Promise<void> {
    this.#closed ??= this.#switchboard.drain().then(() => this.#switchboard.stop());
    this.#closing = true;
    this.#closed.catch((error: unknown) => this.#options.fault("close", error));
    return this.#closed;
  }

  #closed: Promise<void> | undefined;
}
