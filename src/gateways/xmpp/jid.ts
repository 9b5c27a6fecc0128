import { formatAddress, isId } from "../../protocol/address.ts";

/** An address of XMPP (RFC 7622), as it is written. */
export interface Jid {
  /** Empty for a server. */
  readonly local: string;
  /** In lower case. */
  readonly domain: string;
  /** Empty for a bare JID. */
  readonly resource: string;
}

/** Bytes, and so characters, of each part (RFC 7622 §3.1). */
const longestPart = 1_023;

/** Parses a JID; undefined when the text is none. */
export function parseJid(text: string): Jid | undefined {
  const slash = text.indexOf("/");
  const bare = slash < 0 ? text : text.slice(0, slash);
  const resource = slash < 0 ? "" : text.slice(slash + 1);
  const at = bare.indexOf("@");
  const local = at < 0 ? "" : bare.slice(0, at);
  const domain = bare.slice(at + 1).toLowerCase();
  const misses = at === 0 || (slash >= 0 && resource === "");
  if (misses || !/^[^\s@/"'<>&]+$/.test(domain) || /[\s"&'/:<>@]/.test(local)) return undefined;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: no part of a JID may have them.
  if (/[\u0000-\u001f\u007f]/.test(text)) return undefined;
  if ([local, domain, resource].some((part) => part.length > longestPart)) return undefined;
  return { local, domain, resource };
}

export function formatJid({ local, domain, resource }: Jid): string {
  return `${local === "" ? "" : `${local}@`}${domain}${resource === "" ? "" : `/${resource}`}`;
}

/** What a local part has no character for is written `\` and its code (XEP-0106). */
const escaped = new Map(
  [" ", '"', "&", "'", "/", ":", "<", ">", "@", "\\"].map((one) => [
    one,
    `\\${one.charCodeAt(0).toString(16)}`,
  ]),
);
const unescaped = new Map([...escaped].map(([one, code]) => [code, one]));
const codes = /\\(?:20|22|26|27|2f|3a|3c|3e|40|5c)/g;

/** The local part for a user (XEP-0106). */
export function localOf(user: string): string {
  // A backslash is escaped only where it would be taken for the beginning of a code.
  return user
    .replaceAll(codes, (code) => `\\5c${code.slice(1)}`)
    .replaceAll(/[ "&'/:<>@]/g, (one) => escaped.get(one) as string);
}

/** What a local part stands for. */
export function unescapeLocal(local: string): string {
  return local.replaceAll(codes, (code) => unescaped.get(code) as string);
}

/** The JID of a user, or of one device. */
export function jidOf(domain: string, user: string, device?: string): string {
  return formatJid({ local: localOf(user), domain, resource: device ?? "" });
}

/**
 * The core's address for a JID: `bob@domain` is all of bob's devices, `bob@domain/desk` one of them. Undefined for another domain, for the
 * server itself, and for what can't be an address.
 */
export function addressOf(jid: Jid | undefined, domain: string): string | undefined {
  if (jid === undefined || jid.domain !== domain || jid.local === "") return undefined;
  const user = unescapeLocal(jid.local);
  if (!isId(user)) return undefined;
  if (jid.resource === "") return user;
  return isId(jid.resource) ? formatAddress({ kind: "device", user, device: jid.resource }) : undefined;
}
