import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import type { RunningServer } from "../../support/server.ts";

/** What one client sent (`>`) or heard (`<`). */
export interface Heard {
  readonly direction: ">" | "<";
  readonly text: string;
}

/** A connection of a client, by what it speaks: the subprotocol, or the path. */
interface TappedLine {
  readonly speaks: string;
  readonly heard: Heard[];
}

/** Stands between clients and a server, and takes down every message in both directions; it changes none. */
export interface WireTap {
  readonly port: number;
  readonly lines: TappedLine[];
  stop(): void;
}

interface Bridged {
  readonly upstream: WebSocket;
  readonly line: TappedLine;
  /** What came before the client was there. */
  readonly early: readonly (string | ArrayBuffer)[];
}

/** Over WebSocket, and the long polling of `/link`. Whatever else is asked for by HTTP passes through. */
export function tapHttp(server: Pick<RunningServer, "port">): WireTap {
  const lines: TappedLine[] = [];
  /** By the secret of the transport. */
  const links = new Map<string, TappedLine>();
  const open = (speaks: string): TappedLine => {
    const line = { speaks, heard: [] };
    lines.push(line);
    return line;
  };
  const at = (request: Request): string => {
    const { pathname, search } = new URL(request.url);
    return `127.0.0.1:${server.port}${pathname}${search}`;
  };
  /** What a page of the server itself says. */
  const own = `http://127.0.0.1:${server.port}`;
  const headersOf = (request: Request): Headers => {
    const headers = new Headers(request.headers);
    for (const name of ["host", "accept-encoding", "connection"]) headers.delete(name);
    if (headers.has("origin")) headers.set("origin", own);
    return headers;
  };
  const poll = async (request: Request): Promise<Response> => {
    const sent = await request.text();
    const response = await fetch(`http://${at(request)}`, {
      method: request.method,
      headers: headersOf(request),
      signal: request.signal,
      ...(sent !== "" && { body: sent }),
    }).catch(() => new Response(null, { status: 502 }));
    const answered = await response.text();
    const secret = response.headers.get("switchboard-transport") ?? secretOf(request);
    const line = links.get(secret) ?? open("long polling");
    links.set(secret, line);
    const note = (direction: ">" | "<", text: string): void => {
      for (const frame of text.split("\n")) if (frame !== "") line.heard.push({ direction, text: frame });
    };
    note(">", sent);
    note("<", answered);
    const { status } = response;
    const given = new Headers(response.headers);
    for (const name of ["content-encoding", "content-length", "transfer-encoding"]) given.delete(name);
    return new Response(status === 204 ? null : answered, { status, headers: given });
  };
  const tap = Bun.serve<Bridged>({
    ...{ port: 0, hostname: "127.0.0.1", idleTimeout: 0 },
    fetch: async (request, serving) => {
      if (request.headers.get("upgrade") === "websocket") {
        const protocols = request.headers.get("sec-websocket-protocol")?.split(/, */) ?? [];
        const headers = { ...(request.headers.has("origin") && { origin: own }) };
        const upstream = new WebSocket(`ws://${at(request)}`, { protocols, headers } as never);
        upstream.binaryType = "arraybuffer";
        const early: (string | ArrayBuffer)[] = [];
        upstream.onmessage = ({ data }) => early.push(data);
        await new Promise<void>((done) => {
          upstream.onopen = () => done();
          upstream.onclose = () => done();
        });
        const line = open(upstream.protocol || new URL(request.url).pathname);
        const chosen = upstream.protocol === "" ? {} : { "Sec-WebSocket-Protocol": upstream.protocol };
        serving.upgrade(request, { data: { upstream, line, early }, headers: chosen });
        return undefined;
      }
      if (new URL(request.url).pathname.endsWith("/link")) return await poll(request);
      const passed = await fetch(`http://${at(request)}`, {
        method: request.method,
        headers: headersOf(request),
        redirect: "manual",
        ...(request.body !== null && { body: await request.arrayBuffer() }),
      });
      const given = new Headers(passed.headers);
      for (const name of ["content-encoding", "content-length", "transfer-encoding"]) given.delete(name);
      return new Response(await passed.arrayBuffer(), { status: passed.status, headers: given });
    },
    websocket: {
      open: (socket) => {
        const { upstream, line, early } = socket.data;
        const pass = (data: string | ArrayBuffer): void => {
          if (typeof data === "string") line.heard.push({ direction: "<", text: data });
          if (typeof data === "string") socket.sendText(data);
          else socket.sendBinary(data);
        };
        for (const data of early) pass(data);
        upstream.onmessage = ({ data }) => pass(data);
        upstream.onclose = ({ code, reason }) => socket.close(code === 1006 ? 1001 : code, reason);
        if (upstream.readyState > WebSocket.OPEN) socket.close(1001);
      },
      message: ({ data: { upstream, line } }, data) => {
        if (typeof data === "string") line.heard.push({ direction: ">", text: data });
        upstream.send(data);
      },
      close: ({ data: { upstream } }, code) => upstream.close(code === 1000 ? 1000 : undefined),
    },
  });
  return { port: tap.port ?? 0, lines, stop: () => void tap.stop(true) };
}

function secretOf(request: Request): string {
  return request.headers.get("authorization")?.slice("Bearer ".length) ?? "";
}

/** The same for SIP over TCP. `target`: the server's port. */
export async function tapSip(target: number): Promise<WireTap> {
  const lines: TappedLine[] = [];
  const open = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(target, "127.0.0.1");
    const line: TappedLine = { speaks: "sip over tcp", heard: [] };
    lines.push(line);
    for (const [from, to, direction] of [
      [near, far, ">"],
      [far, near, "<"],
    ] as const) {
      open.add(from);
      let rest = "";
      from.on("data", (bytes) => {
        to.write(bytes);
        rest += bytes.toString("latin1");
        for (let message = nextOf(rest); message !== undefined; message = nextOf(rest)) {
          rest = rest.slice(message.length);
          if (message.trim() !== "") line.heard.push({ direction, text: message });
        }
      });
      from.on("error", () => to.destroy());
      from.on("close", () => {
        open.delete(from);
        to.destroy();
      });
    }
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const stop = (): void => {
    server.close();
    for (const socket of open) socket.destroy();
  };
  return { port: (server.address() as AddressInfo).port, lines, stop };
}

/** The first message of a stream, or what keeps it alive (RFC 5626 §3.5.1); undefined while it is not there wholly. */
function nextOf(stream: string): string | undefined {
  const [alive] = /^(\r\n)+/.exec(stream) ?? [];
  if (alive !== undefined) return alive;
  const head = stream.indexOf("\r\n\r\n");
  if (head < 0) return undefined;
  const [, length = "0"] = /^(?:Content-Length|l)\s*:\s*(\d+)/im.exec(stream.slice(0, head)) ?? [];
  const end = head + 4 + Number(length);
  return stream.length < end ? undefined : stream.slice(0, end);
}
