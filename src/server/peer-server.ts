import { EventEmitter } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createSecureServer, type Server as SecureServer } from "node:https";
import type { Duplex } from "node:stream";
import { loadSettings } from "../config/load.ts";
import type { SettingsInput } from "../config/schema.ts";
import type { PeerjsClient } from "../gateways/peerjs/listener.ts";
import type { Hooks } from "../hooks/hooks.ts";
import { random } from "../net/crypto.ts";
import { attachToNode } from "../net/node-attachment.ts";
import { createLog } from "../telemetry/log.ts";
import { embedSwitchboard } from "./listen.ts";
import { peerjs, peerjsPart } from "./peerjs.ts";
import { parts } from "./services.ts";

/** Options of the package `peer`, and what a Switchboard has besides. */
export interface PeerServerOptions {
  /** Where {@link PeerServer} listens: 9000 and `::` by default. */
  readonly port?: number;
  readonly host?: string;
  /** The key that clients name; `peerjs` by default. */
  readonly key?: string;
  /** The path below which it is; with `ExpressPeerServer` below where the application mounts it. */
  readonly path?: string;
  /** PEM; `PeerServer` then speaks TLS. */
  readonly ssl?: { readonly key: string; readonly cert: string };
  /** True: every `X-Forwarded-For` is believed. Better: addresses of the proxies, in `switchboard.trustedProxies`. */
  readonly proxied?: boolean;
  /** Silence after which a client is taken to be gone, ms; 90,000 by default. */
  readonly alive_timeout?: number;
  /** Most connections; 5,000 by default. */
  readonly concurrent_limit?: number;
  /** Tells everybody the ids of the clients. */
  readonly allow_discovery?: boolean;
  /** An id for a client that has none. */
  readonly generateClientId?: () => string;
  /** Origins of pages that may connect; any by default. */
  readonly corsOptions?: { readonly origin?: boolean | string | readonly string[] };
  /** Settings and hooks of the Switchboard. With keys in `tokens` or the hook `authenticate` clients need tokens. */
  readonly switchboard?: SettingsInput & Hooks;
}

/** What a client sent. */
export interface PeerMessage {
  readonly type: string;
  readonly src: string;
  readonly dst?: string;
  readonly payload?: unknown;
}

export interface PeerServerEvents {
  on(event: "connection" | "disconnect", listener: (client: PeerjsClient) => void): this;
  on(event: "message", listener: (client: PeerjsClient, message: PeerMessage) => void): this;
  on(event: "error", listener: (error: Error) => void): this;
}

/** What `app.use` takes, and what events come from. */
export interface PeerServerApp extends PeerServerEvents, Omit<EventEmitter, "on"> {
  (request: IncomingMessage, response: ServerResponse, next: (error?: unknown) => void): void;
}

type Host = Server | SecureServer;

/**
 * A PeerJS server in an application of Express, as that of the package `peer`: `app.use("/peerjs", ExpressPeerServer(server, options))`. It starts
 * when it is mounted, and ends with `server`. Other devices of the Switchboard connect below the same path. An unusable option is the event
 * `error`.
 */
export function ExpressPeerServer(server: Host, options: PeerServerOptions = {}): PeerServerApp {
  const app = makeApp();
  app.once("mount", (parent: { path?(): string }) => {
    if (!server) throw new Error("ExpressPeerServer needs the server that the application listens with");
    const { mountpath } = app as { mountpath?: string | readonly string[] };
    const mounted = typeof mountpath === "object" ? mountpath[0] : mountpath;
    void startOn(server, app, `${parent.path?.() ?? ""}/${mounted ?? ""}/${options.path ?? ""}`, options);
  });
  return app;
}

/** A PeerJS server that listens itself. `listening` is called once it serves. */
export function PeerServer(
  options: PeerServerOptions = {},
  listening?: (server: Host) => void,
): PeerServerApp {
  const { ssl, port = 9_000, host = "::", path = "" } = options;
  const app = makeApp();
  const nothing = (_request: IncomingMessage, response: ServerResponse): void => {
    response.writeHead(404).end();
  };
  const server = ssl === undefined ? createServer(nothing) : createSecureServer(ssl, nothing);
  server.on("error", (error) => app.emit("error", error));
  void startOn(server, app, path, options).then((started) => {
    if (started) server.listen(port, host, () => listening?.(server));
  });
  return app;
}

/** Express mounts what has `handle` and `set` as an application of its own, and tells it where. */
function makeApp(): PeerServerApp {
  // What is ours was taken before any listener of the server heard of it.
  const pass = (_request: IncomingMessage, _response: ServerResponse, next: () => void): void => next();
  const app = Object.assign(pass, EventEmitter.prototype, { handle: pass, set: () => app });
  EventEmitter.call(app as unknown as EventEmitter);
  return app as unknown as PeerServerApp;
}

/** Starts the switchboard below a path of that server. Until it runs, requests below the path wait. Answers whether it runs. */
async function startOn(
  server: Host,
  app: PeerServerApp,
  path: string,
  options: PeerServerOptions,
): Promise<boolean> {
  const base = `/${path}`.replaceAll(/\/+/g, "/").replace(/\/$/, "");
  const { key = "peerjs" } = options;
  const only = new RegExp(`^/(peerjs|${key.replaceAll(/[^\w]/g, "\\$&")})(/|$)`);
  const below = (pathname: string): boolean =>
    base === "" ? only.test(pathname) : pathname === base || pathname.startsWith(`${base}/`);
  const waiting: (() => void)[] = [];
  const detach = attachToNode(
    server,
    {
      request: async (incoming: IncomingMessage, outgoing: ServerResponse) => {
        waiting.push(() => server.emit("request", incoming, outgoing));
      },
      upgrade: (incoming: IncomingMessage, raw: Duplex, head: Buffer) => {
        waiting.push(() => server.emit("upgrade", incoming, raw, head));
      },
    },
    { request: below, upgrade: below },
    () => {},
  );
  // Listeners for the event error come once the caller has the application.
  await Promise.resolve();
  try {
    const { authenticate, authorize, wake, ...settings } = settingsOf(options, base);
    const loaded = loadSettings({ object: settings });
    if (!loaded.ok) throw new Error(loaded.error);
    const hooks = Object.fromEntries(
      Object.entries({ authenticate, authorize, wake }).filter(([, hook]) => hook !== undefined),
    );
    const events = {
      connection: (client: PeerjsClient) => void app.emit("connection", client),
      disconnect: (client: PeerjsClient) => void app.emit("disconnect", client),
      message: (client: PeerjsClient, frame: object) => void app.emit("message", client, frame),
    };
    const { generateClientId: newId } = options;
    const listened = peerjsPart({ events, ...(newId && { newId }) });
    const list = parts.map((part) => (part === peerjs ? listened : part));
    const switchboard = await embedSwitchboard(loaded.value, createLog(loaded.value.log), hooks, {
      parts: list,
      only,
    });
    detach();
    switchboard.attach(server);
    for (const one of waiting) one();
    return true;
  } catch (error) {
    detach();
    for (const one of waiting) one();
    app.emit("error", error);
    return false;
  }
}

/** The settings that do as `peer` does, and what the application sets besides. */
function settingsOf(options: PeerServerOptions, path: string): SettingsInput & Hooks {
  const { key = "peerjs", proxied, corsOptions, switchboard = {} } = options;
  const { tokens, authenticate } = switchboard;
  const closed =
    authenticate !== undefined ||
    [tokens?.secret, tokens?.publicKey, tokens?.jwksUrl].some((one) => one !== undefined && one !== "");
  const origin = corsOptions?.origin ?? true;
  const guests = closed ? {} : { guestKeys: [key], guestPrefix: "", guestGrants: ["call=*"] };
  return {
    sip: { enabled: false },
    mqtt: { enabled: false },
    media: { enabled: false },
    turn: { embedded: false },
    store: { path: ":memory:" },
    page: false,
    drain: 1_000,
    allowedOrigins: origin === true ? ["*"] : origin === false ? ["self"] : [origin].flat(),
    ...(proxied === true && { trustedProxies: ["0.0.0.0/0", "::/0"] }),
    log: { level: "warn" },
    ...switchboard,
    // Nobody has a token that this signs: it keeps the server from refusing to start.
    ...(!closed && { tokens: { secret: random(32) } }),
    peerjs: {
      keys: [key],
      ...guests,
      discovery: options.allow_discovery ?? false,
      ...switchboard.peerjs,
      limits: {
        connections: options.concurrent_limit ?? 5_000,
        ...(options.alive_timeout !== undefined && { aliveTimeout: options.alive_timeout }),
        ...switchboard.peerjs?.limits,
      } as NonNullable<NonNullable<SettingsInput["peerjs"]>["limits"]>,
    },
    path,
  };
}
