/** What the console shows, as the part of its address after `#` says. */
export interface Place {
  readonly section: Section;
  /** What of the section: a session's id, a user. */
  readonly subject: string | undefined;
  /** Filters of a list. */
  readonly query: Readonly<Record<string, string>>;
}

const sections = [
  "overview",
  "devices",
  "sessions",
  "streams",
  "rooms",
  "records",
  "follow",
  "webhooks",
  "audit",
  "server",
  "settings",
  "keys",
] as const;
export type Section = (typeof sections)[number];

/** Reads `#/sessions/s_17?user=alice`. What it can't read is the overview. */
export function readPlace(hash: string): Place {
  const [path = "", search = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  const [name = "", ...rest] = path.split("/");
  const section = sections.find((one) => one === name) ?? "overview";
  return {
    section,
    subject: rest.length === 0 ? undefined : decoded(rest.join("/")),
    query: Object.fromEntries(new URLSearchParams(search)),
  };
}

/** The address of a place; filters that are empty are left out. */
export function placeHref(
  section: Section,
  subject?: string,
  query: Readonly<Record<string, string | undefined>> = {},
): string {
  const given = Object.entries(query).filter((entry): entry is [string, string] => !!entry[1]);
  const search = given.length === 0 ? "" : `?${new URLSearchParams(given)}`;
  return `#/${section}${subject === undefined ? "" : `/${encodeURIComponent(subject)}`}${search}`;
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text) || undefined;
  } catch {
    return undefined;
  }
}
