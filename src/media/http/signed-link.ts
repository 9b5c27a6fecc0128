import { equalSecrets, hmacSha256 } from "../../net/crypto.ts";

/** What the bearer of a link may do with one stream. */
export interface LinkRights {
  readonly stream: string;
  readonly action: "publish" | "view";
  /** Unix time in seconds. */
  readonly expires: number;
}

const form = /^(publish|view)\.(\d{1,12})\.([\w-]{43})$/;

/** True for what looks like the token of a link, valid or not. */
export function isLinkToken(text: string): boolean {
  return form.test(text);
}

/**
 * The token of a link: what it permits, until when, and an HMAC-SHA256 over both and the stream's name. The name itself stands in the
 * path of the URL.
 */
export function signLink(key: Uint8Array, rights: LinkRights): string {
  return `${rights.action}.${rights.expires}.${mac(key, rights)}`;
}

/** What a token permits for that stream, whether or not it has expired. Undefined unless one of the keys has signed it. */
export function verifyLink(
  keys: readonly Uint8Array[],
  token: string,
  stream: string,
): LinkRights | undefined {
  const [, action, expires, signature = ""] = form.exec(token) ?? [];
  if (action === undefined) return undefined;
  const rights: LinkRights = { stream, action: action as LinkRights["action"], expires: Number(expires) };
  return keys.some((key) => equalSecrets(mac(key, rights), signature)) ? rights : undefined;
}

/** None of the parts can hold a line feed: a name of a stream has no control characters. */
function mac(key: Uint8Array, { stream, action, expires }: LinkRights): string {
  return hmacSha256(key, `switchboard stream link 1\n${action}\n${expires}\n${stream}`);
}
