/** Says whether an origin, as a browser sends it, is one that a rule allows. `host`: the Host header of the request. */
export type OriginRule = (origin: string, host: string | null) => boolean;

/** RFC 3986 §3.1 and §3.2.2: what the origin of an app's own scheme looks like, such as `capacitor://localhost`. */
const appOrigin = /^[a-z][a-z0-9+.-]*:\/\/[a-z0-9._-]*(:\d{1,5})?$/i;

/**
 * Reads one entry of the setting `allowedOrigins`; undefined where it is none. `self` is the host that was asked for, `*` any
 * origin, `null` that of sandboxed frames and local files, and `https://*.example.com` every host below that domain.
 */
export function parseOriginRule(text: string): OriginRule | undefined {
  if (text === "*") return () => true;
  if (text === "self") return isOwn;
  if (text === "null") return (origin) => origin === "null";
  const [, scheme, below] = /^(https?:\/\/)\*\.(.*)$/i.exec(text) ?? [];
  if (scheme !== undefined && below !== undefined) {
    const pattern = canonicalOrigin(scheme + below);
    return pattern === undefined ? undefined : (origin) => isBelow(canonicalOrigin(origin), pattern);
  }
  const allowed = canonicalOrigin(text);
  return allowed === undefined ? undefined : (origin) => canonicalOrigin(origin) === allowed;
}

/**
 * One spelling for each origin: scheme and host in lower case, and no port where it is the scheme's own (RFC 6454 §6.2, RFC 9110
 * §4.2.3). Undefined where the text is no origin.
 */
function canonicalOrigin(text: string): string | undefined {
  if (!/^https?:/i.test(text)) return appOrigin.test(text) ? text.toLowerCase() : undefined;
  if (!/^[^/]+\/\/[^/?#@\\*\s]+$/.test(text) || !URL.canParse(text)) return undefined;
  return new URL(text).origin;
}

/** True for an origin of the same scheme and port, whose host is a name below that of `domain`. */
function isBelow(origin: string | undefined, domain: string): boolean {
  if (origin === undefined) return false;
  const [scheme = "", host = ""] = domain.split("://");
  const prefix = `${scheme}://`;
  return (
    origin.startsWith(prefix) &&
    origin.length > prefix.length + host.length + 1 &&
    origin.endsWith(`.${host}`)
  );
}

/**
 * Compares host and port, and not the scheme, because a proxy may have terminated TLS. The port that is not named is that of the
 * origin's scheme. DNS rebinding gains nothing, because no cookie means anything here.
 */
function isOwn(origin: string, host: string | null): boolean {
  const page = canonicalOrigin(origin);
  if (page === undefined || host === null) return false;
  return page === canonicalOrigin(`${page.slice(0, page.indexOf(":"))}://${host}`);
}
