import type { IceServer } from "../../protocol/values.ts";
import { namespaces } from "./namespaces.ts";
import { element, type XmlElement } from "./xml.ts";

const uri = /^(stuns?|turns?):(\[[^\]]+\]|[^:?]+)(?::(\d+))?(?:\?transport=(udp|tcp))?$/;

/** Our STUN and TURN servers as services of the client's server (XEP-0215), each address once. `expires`: as XMPP writes times (XEP-0082). */
export function iceServices(
  servers: readonly IceServer[],
  type: string | undefined,
  expires: string | undefined,
): XmlElement[] {
  const services: XmlElement[] = [];
  for (const { urls, username, credential } of servers)
    for (const url of urls) {
      const [, scheme = "", host = "", port, transport] = uri.exec(url) ?? [];
      if (scheme === "" || (type !== undefined && type !== scheme)) continue;
      const isTurn = scheme.startsWith("turn");
      const secure = scheme.endsWith("s");
      services.push(
        element("service", namespaces.extdisco, {
          type: scheme,
          host,
          port: port ?? (secure ? "5349" : "3478"),
          // Clients add it to the URL, where that of a STUN server may have none (RFC 7064 §3.1).
          transport: isTurn ? (transport ?? (secure ? "tcp" : "udp")) : undefined,
          ...(isTurn && username !== undefined
            ? {
                username,
                password: credential,
                restricted: "1",
                expires,
              }
            : {}),
        }),
      );
    }
  return services;
}
