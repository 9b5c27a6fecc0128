/** A name, an address or nothing else, and maybe a port (RFC 9110 §7.2): no character that would begin a path or a user. */
const hostField = /^(?:[A-Za-z0-9._~!$&'()*+;=%-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?$/;

/** False for a Host header that is none, such as `localhost/metrics?`, and for two of them joined by a comma. */
export function isHostField(text: string): boolean {
  return hostField.test(text);
}

/**
 * The URL of a request, by its Host header and its request target (RFC 9112 §3.2, §3.3). An absolute target counts for its path
 * only, as it does on Bun. Undefined where one of them is unusable. `host`: undefined where HTTP/1.0 has none.
 */
export function requestUrl(secure: boolean, host: string | undefined, target: string): string | undefined {
  if (host !== undefined && !isHostField(host)) return undefined;
  const path = target.replace(/^https?:\/\/[^/?#]*/i, "");
  if (path !== "" && !/^[/?]/.test(path)) return undefined;
  const url = `${secure ? "https" : "http"}://${host ?? "localhost"}${path}`;
  return URL.canParse(url) ? url : undefined;
}
