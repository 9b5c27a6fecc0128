import { events, eventTypes } from "./catalog.ts";

/** The table of all events and their data, in Markdown: a generated part of docs/events.md. */
export function eventsTable(): string {
  const rows = eventTypes.map((type) => {
    const { description, data } = events[type];
    const required = new Set<string>(data.required ?? []);
    const fields = Object.keys(data.properties).map((name) =>
      required.has(name) ? `\`${name}\`` : `\`${name}\`?`,
    );
    return `| \`${type}\` | ${description} | ${fields.join(", ")} |`;
  });
  return ["| event | when | `data` |", "|---|---|---|", ...rows].join("\n");
}
