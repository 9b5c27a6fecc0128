/** The ICE servers that a `Link` header names (RFC 9725 §4.6). */
export function iceServers(link: string | null): RTCIceServer[] {
  const servers: RTCIceServer[] = [];
  for (const [, urls = "", parameters = ""] of link?.matchAll(value) ?? []) {
    const named = new Map<string, string>();
    for (const [, name = "", text = ""] of parameters.matchAll(parameter))
      named.set(name, text.replaceAll(/\\(.)/g, "$1"));
    if (named.get("rel") !== "ice-server") continue;
    const [username, credential] = [named.get("username"), named.get("credential")];
    servers.push({
      urls,
      ...(username !== undefined && credential !== undefined && { username, credential }),
    });
  }
  return servers;
}

const value = /<([^>]*)>((?:\s*;\s*[\w-]+="(?:[^"\\]|\\.)*")*)/g;
const parameter = /;\s*([\w-]+)="((?:[^"\\]|\\.)*)"/g;
