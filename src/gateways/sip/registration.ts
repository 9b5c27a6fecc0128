import { addresses, type HeaderEntry, headerNumber, type SipRequest } from "./message.ts";
import type { NameAddress } from "./name-address.ts";
import type { SipLimits } from "./settings.ts";

/** A contact of a REGISTER, and how long it is to be registered; 0 removes it. */
interface RequestedBinding {
  readonly contact: NameAddress;
  readonly seconds: number;
}

/** What a REGISTER asks for (RFC 3261 §10.2): remove all contacts, add or remove some, or something that is refused. */
export type Registration =
  | { readonly kind: "all" }
  | { readonly kind: "some"; readonly bindings: readonly RequestedBinding[] }
  | { readonly kind: "refused"; readonly status: number; readonly headers: readonly HeaderEntry[] };

/** The most contacts of one REGISTER. */
const mostContacts = 4;

export function registrationOf(request: SipRequest, limits: SipLimits): Registration {
  const lines = request.headers.values("Contact");
  const fallback = headerNumber(request, "Expires");
  // §10.2.2: `*` must be the only contact, with an expiry of zero.
  if (lines.includes("*")) return fallback === 0 && lines.length === 1 ? { kind: "all" } : refused(400);
  const contacts = addresses(request, "Contact");
  if (contacts === undefined || contacts.length > mostContacts) return refused(400);
  const bindings = contacts.map((contact): RequestedBinding => {
    const asked = Number(contact.parameters.get("expires") ?? fallback ?? limits.expires);
    return {
      contact,
      seconds: Number.isSafeInteger(asked) ? Math.min(asked, limits.expiresMax) : limits.expires,
    };
  });
  if (bindings.some(({ seconds }) => seconds > 0 && seconds < limits.expiresMin))
    return refused(423, [["Min-Expires", String(limits.expiresMin)]]);
  return { kind: "some", bindings };
}

function refused(status: number, headers: readonly HeaderEntry[] = []): Registration {
  return { kind: "refused", status, headers };
}
