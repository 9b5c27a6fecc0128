import type { IceServer } from "../../protocol/values.ts";

/** Events of a viewer's session, by the names of the extension. */
export const eventNames = ["active", "inactive", "layers", "viewercount", "reconnect"] as const;
export type EventName = (typeof eventNames)[number];

/** Link values for ICE servers, one for each URL (RFC 9725 §4.6). */
export function iceServerLinks(servers: readonly IceServer[]): string[] {
  return servers.flatMap(({ urls, username, credential }) =>
    urls.map((url) => {
      const login =
        username === undefined || credential === undefined
          ? ""
          : `; username=${quoted(username)}; credential=${quoted(credential)}; credential-type="password"`;
      return `<${url.replaceAll(/[\s<>"]/g, encodeURIComponent)}>; rel="ice-server"${login}`;
    }),
  );
}

/** Link values for the extensions of a viewer's session. `path`: of the session. */
export function extensionLinks(path: string): string[] {
  const urn = "urn:ietf:params:whep:ext:core";
  return [
    `<${path}/events>; rel="${urn}:server-sent-events"; events="${eventNames.join(",")}"`,
    `<${path}/layer>; rel="${urn}:layer"`,
  ];
}

/** A quoted string (RFC 9110 §5.6.4). Characters that no header may hold are left out. */
function quoted(text: string): string {
  return `"${text.replaceAll(/[^\x20-\x7e]/g, "").replaceAll(/["\\]/g, "\\$&")}"`;
}
