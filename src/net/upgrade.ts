import type { Client, Refusal, SocketRoute } from "./http-server.ts";

/** The route for an upgrade, or why there is none. */
export function chooseRoute(
  routes: readonly SocketRoute[],
  request: Request,
  client: Client,
): { readonly route: SocketRoute } | { readonly refusal: Refusal } {
  const { pathname } = new URL(request.url);
  const here = routes.filter((route) => route.path === pathname);
  if (here.length === 0) return { refusal: { status: 404, body: `No WebSocket is served at ${pathname}.` } };
  const offered = offeredProtocols(request.headers.get("sec-websocket-protocol"));
  const route = here.find((one) => one.protocol === undefined || offered.includes(one.protocol));
  if (route === undefined) {
    const spoken = here.map((one) => one.protocol).join(", ");
    return { refusal: { status: 400, body: `Offer the WebSocket subprotocol ${spoken} at ${pathname}.` } };
  }
  const refusal = route.check(request, client);
  return refusal === undefined ? { route } : { refusal };
}

/**
 * The response to a plain request for a WebSocket path. The root, or what stands for it below a path, has a page beside the sockets of
 * clients whose URL has no path.
 */
export function upgradeRequired(routes: readonly SocketRoute[], pathname: string): Refusal | undefined {
  if (pathname.endsWith("/") || !routes.some((route) => route.path === pathname)) return undefined;
  return { status: 426, body: `${pathname} speaks WebSocket.`, headers: { Upgrade: "websocket" } };
}

/** The answer when a handler threw. */
export const serverFailed: Refusal = { status: 500, body: "The server failed; its log says why." };

/** The answer where nobody can tell which URL is meant. */
export const unusableRequest: Refusal = {
  status: 400,
  body: "This is no usable request line or Host header.",
};

/** A refusal after which the server closes the connection, so that a client can't go on asking on it. */
export function lastResponse(refusal: Refusal): Response {
  return refusalResponse({ ...refusal, headers: { ...refusal.headers, Connection: "close" } });
}

/** A refusal as an answer in plain text. */
export function refusalResponse(refusal: Refusal): Response {
  return new Response(`${refusal.body}\n`, {
    status: refusal.status,
    headers: { "Content-Type": "text/plain; charset=utf-8", "Cache-Control": "no-store", ...refusal.headers },
  });
}

function offeredProtocols(header: string | null): string[] {
  return header === null ? [] : header.split(",").map((name) => name.trim());
}
