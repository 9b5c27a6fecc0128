import type { Client, SocketRoute } from "../net/http-server.ts";

/** A route below a path. */
export function routeBelow(base: string, route: SocketRoute): SocketRoute {
  if (base === "") return route;
  const { path, protocol } = route;
  return {
    path: base + path,
    ...(protocol !== undefined && { protocol }),
    check: (request: Request, client: Client) => route.check(request, client),
    open: (socket, url) => route.open(socket, url),
  };
}

/** A request as the parts of the server know it, which know nothing of the path that they are below; a response where it is outside. */
export function requestBelow(base: string, request: Request): Request | Response {
  if (base === "") return request;
  const url = new URL(request.url);
  if (url.pathname === base)
    return new Response(null, { status: 308, headers: { Location: `${base}/${url.search}` } });
  if (!url.pathname.startsWith(`${base}/`))
    return new Response("There is nothing at this address.\n", { status: 404 });
  url.pathname = url.pathname.slice(base.length);
  return new Request(url, request);
}
