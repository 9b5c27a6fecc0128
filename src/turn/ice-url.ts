/** A server as a `stun:`, `turn:` or `turns:` URL names it. */
export interface IceUrl {
  readonly scheme: "stun" | "turn";
  /** A name, or a numeric address without brackets. */
  readonly host: string;
  readonly port: number;
  readonly transport: "udp" | "tcp" | "tls" | "dtls";
}

const [plainPort, securePort] = [3_478, 5_349];

/** Reads such a URL (RFC 7064 §3.1, RFC 7065 §3.1). Undefined for anything else. */
export function parseIceUrl(text: string): IceUrl | undefined {
  const match =
    /^(stun|turn)(s?):(?:\[([0-9a-f:.]+)\]|([^\s:/?#@[\]]+))(?::(\d{1,5}))?(?:\?transport=(udp|tcp))?$/i.exec(
      text,
    );
  if (match === null) return undefined;
  const [, scheme = "", secure = "", six, name, port, transport = ""] = match.map((part) =>
    part?.toLowerCase(),
  );
  const number = port === undefined ? (secure === "" ? plainPort : securePort) : Number(port);
  if (number < 1 || number > 65_535) return undefined;
  // Without a transport `turn` is UDP and `turns` TLS (RFC 7065 §3.1); with UDP, `turns` is DTLS.
  const carried =
    secure === "" ? (transport === "tcp" ? "tcp" : "udp") : transport === "udp" ? "dtls" : "tls";
  return { scheme: scheme as "stun" | "turn", host: six ?? name ?? "", port: number, transport: carried };
}
