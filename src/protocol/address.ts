/**
 * Addresses: `alice` (all her devices), `alice/phone` (one device), `room:standup`, `stream:lobby-cam`.
 * An id is 1–128 characters, none of them white space, a control or other invisible character, `/`, `:` or `*`.
 */
export const idPattern = "^[^\\s/:*\\p{C}]{1,128}$";
const idExpression = new RegExp(idPattern, "u");

export type Address =
  | { readonly kind: "user"; readonly user: string }
  | { readonly kind: "device"; readonly user: string; readonly device: string }
  | { readonly kind: "room"; readonly name: string }
  | { readonly kind: "stream"; readonly name: string };

export function isId(text: string): boolean {
  return idExpression.test(text);
}

/** Parses an address; undefined when the text is none. */
export function parseAddress(text: string): Address | undefined {
  const colon = text.indexOf(":");
  if (colon >= 0) {
    const kind = text.slice(0, colon);
    const name = text.slice(colon + 1);
    if ((kind !== "room" && kind !== "stream") || !isId(name)) return undefined;
    return { kind, name };
  }
  const slash = text.indexOf("/");
  if (slash < 0) return isId(text) ? { kind: "user", user: text } : undefined;
  const user = text.slice(0, slash);
  const device = text.slice(slash + 1);
  return isId(user) && isId(device) ? { kind: "device", user, device } : undefined;
}

/** The text form of an address; the inverse of {@link parseAddress}. */
export function formatAddress(address: Address): string {
  switch (address.kind) {
    case "user":
      return address.user;
    case "device":
      return `${address.user}/${address.device}`;
    default:
      return `${address.kind}:${address.name}`;
  }
}
