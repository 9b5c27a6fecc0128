/** What an API key may do: each operation names one. `read` changes nothing. */
export const scopes = [
  "tokens:write",
  "devices:read",
  "devices:write",
  "sessions:read",
  "sessions:write",
  "streams:read",
  "streams:write",
  "rooms:read",
  "rooms:write",
  "messages:write",
  "records:read",
  "records:write",
  "audit:read",
  "events:read",
  "webhooks:read",
  "webhooks:write",
  "server:read",
  "server:write",
  "keys:read",
  "keys:write",
] as const;
export type Scope = (typeof scopes)[number];

/** Bundles of scopes: what the console calls a role, and `--role` of `switchboard api-key` takes. */
export const roles = {
  /** Sees everything but keys, and changes nothing. */
  look: scopes.filter((scope) => scope.endsWith(":read") && scope !== "keys:read"),
  /** Helps people in their calls: everything but tokens, keys, webhooks, erasure of records and the server itself. */
  operate: scopes.filter(
    (scope) =>
      ![
        "tokens:write",
        "records:write",
        "webhooks:write",
        "server:write",
        "keys:read",
        "keys:write",
      ].includes(scope),
  ),
  administer: scopes,
} as const satisfies Record<string, readonly Scope[]>;
export type Role = keyof typeof roles;

/** True when the text names a scope. */
export function isScope(text: string): text is Scope {
  return (scopes as readonly string[]).includes(text);
}
