/** Where a server of NATS is, and who we are there. */
export interface NatsAddress {
  readonly host: string;
  readonly port: number;
  /** The URL asks for TLS. */
  readonly secure: boolean;
  readonly user?: string;
  readonly password?: string;
  readonly token?: string;
}

const usualPort = 4_222;

/**
 * Reads `nats://host:4222`, with `tls:` in place of `nats:` for TLS and `user:password@` or `token@` before the host.
 * Undefined for anything else.
 */
export function parseNatsUrl(text: string): NatsAddress | undefined {
  if (!/^(nats|tls):\/\/[^/?#]+\/?$/.test(text) || !URL.canParse(text)) return undefined;
  const { protocol, hostname, port, username, password } = new URL(text);
  if (hostname === "") return undefined;
  const where = {
    host: hostname,
    port: port === "" ? usualPort : Number(port),
    secure: protocol === "tls:",
  };
  try {
    const user = decodeURIComponent(username);
    if (user === "") return where;
    return password === ""
      ? { ...where, token: user }
      : { ...where, user, password: decodeURIComponent(password) };
  } catch {
    return undefined;
  }
}
