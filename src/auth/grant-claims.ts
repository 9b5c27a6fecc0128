import { isAddressPattern } from "../protocol/address-pattern.ts";
import { fail, ok, type Result } from "../shared/result.ts";
import { type GrantName, type Grants, grantNames } from "../signaling/grants.ts";

const mostPatterns = 1_000;

/** Everything there is to be permitted: what development mode gives, and `switchboard token --grants all`. */
export const allGrants: Grants = {
  call: ["*"],
  send: ["*", "room:*"],
  watch: ["*"],
  join: ["room:*"],
  moderate: ["room:*"],
  publish: ["room:*", "stream:*"],
  view: ["room:*", "stream:*"],
};

/** Reads the `grants` claim. Names that are none are ignored; a list that is none, or a wrong pattern, is an error. */
export function readGrants(claim: unknown): Result<Grants, string> {
  if (claim === undefined) return ok({});
  if (typeof claim !== "object" || claim === null || Array.isArray(claim))
    return fail("The token's grants are no object.");
  const grants: { [name in GrantName]?: readonly string[] } = {};
  for (const name of grantNames) {
    const patterns: unknown = (claim as Record<string, unknown>)[name];
    if (patterns === undefined) continue;
    if (!Array.isArray(patterns) || patterns.length > mostPatterns)
      return fail(`The token's grants.${name} is no list of at most ${mostPatterns} patterns.`);
    if (!patterns.every((pattern) => typeof pattern === "string" && isAddressPattern(pattern)))
      return fail(`The token's grants.${name} holds something that is no address pattern.`);
    grants[name] = patterns;
  }
  return ok(grants);
}

/** The grants of texts like `call=bob` and `call=*`; what follows a name may be several patterns with commas between. */
export function parseGrants(texts: readonly string[]): Result<Grants, string> {
  const grants: { [name in GrantName]?: string[] } = {};
  for (const text of texts) {
    const [name = "", pattern = ""] = text.split("=", 2);
    if (!(grantNames as readonly string[]).includes(name) || pattern === "")
      return fail(`${text}: write NAME=PATTERN, with NAME one of ${grantNames.join(", ")}`);
    grants[name as GrantName] = [...(grants[name as GrantName] ?? []), ...pattern.split(",")];
  }
  const checked = readGrants(grants);
  return checked.ok ? ok(grants) : fail(checked.error.replace("The token's grants.", ""));
}
