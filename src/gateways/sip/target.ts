import { formatAddress, isId } from "../../protocol/address.ts";
import type { Uri } from "./uri.ts";

/**
 * The address of the core for a URI: `sip:bob@d` is all of bob's devices, `sip:bob@d;gr=desk` or `sip:bob%2Fdesk@d` one of them.
 * Undefined for another domain than ours, and for what can't be a user.
 */
export function addressOf(uri: Uri, domain: string): string | undefined {
  const user = userOf(uri, domain);
  if (user === undefined || uri.scheme === "other" || uri.scheme === "tel") return undefined;
  const slash = user.indexOf("/");
  const name = slash < 0 ? user : user.slice(0, slash);
  const device = slash < 0 ? uri.parameters.get("gr") : user.slice(slash + 1);
  if (!isId(name)) return undefined;
  if (device === undefined) return name;
  return isId(device) ? formatAddress({ kind: "device", user: name, device }) : undefined;
}

/** The user part of a `sip:` URI of our domain. Without a configured domain, any domain is ours. */
export function userOf(uri: Uri, domain: string): string | undefined {
  if (uri.scheme !== "sip" && uri.scheme !== "sips") return undefined;
  if (domain !== "" && uri.host !== domain) return undefined;
  return uri.user;
}
