const path = /^\/\.well-known\/host-meta(\.json)?$/;
const relation = "urn:xmpp:alt-connections:websocket";

/** Answers where WebSocket clients of this host connect (XEP-0156, RFC 6415); undefined for every other request. */
export function answerHostMeta(request: Request, pathname: string): Response | undefined {
  const [whole, json] = path.exec(pathname) ?? [];
  if (whole === undefined || (request.method !== "GET" && request.method !== "HEAD")) return undefined;
  const url = new URL(request.url);
  const secure = url.protocol === "https:" || request.headers.get("x-forwarded-proto") === "https";
  const href = `${secure ? "wss" : "ws"}://${url.host}/xmpp`;
  const body =
    json === undefined
      ? `<?xml version="1.0" encoding="utf-8"?>\n<XRD xmlns="http://docs.oasis-open.org/ns/xri/xrd-1.0"><Link rel="${relation}" href="${href}"/></XRD>\n`
      : JSON.stringify({ links: [{ rel: relation, href }] });
  return new Response(request.method === "HEAD" ? null : body, {
    headers: {
      "Content-Type": json === undefined ? "application/xrd+xml; charset=utf-8" : "application/json",
      // Clients in pages of any origin look here before they connect.
      "Access-Control-Allow-Origin": "*",
      "Cache-Control": "no-store",
      "X-Content-Type-Options": "nosniff",
    },
  });
}
