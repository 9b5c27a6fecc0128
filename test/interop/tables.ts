import type { Client } from "./client.ts";
import type { Matrix } from "./matrix.ts";
import type { ScenarioOutcome } from "./scenarios.ts";

/** The matrix in Markdown: who calls whom, what each client does in a call, and what each is told. */
export function tablesOf({ clients, outcomes, words }: Matrix): string {
  const notes: string[] = [];
  const noted = (note: string): number => {
    if (!notes.includes(note)) notes.push(note);
    return notes.indexOf(note) + 1;
  };
  const rows = clients.map((caller) => [
    `**${caller.name}**`,
    ...clients.map((callee) => {
      const outcome = outcomes.get(caller.name)?.get(callee.name);
      if (outcome === undefined) return "";
      const sign = { ok: "✓", failed: "✗", no: "–" }[outcome.result];
      const word = { ok: "", failed: `${caller.name} calls ${callee.name}: `, no: "" }[outcome.result];
      const numbers = outcome.notes.map((note) => noted(word + note));
      return numbers.length === 0 ? sign : `${sign} (${numbers.join(", ")})`;
    }),
  ]);
  const pairs = table(["caller ↓, callee →", ...clients.map(({ name }) => name)], rows);
  const numbered = notes.map((note, n) => `${n + 1}. ${note}`).join("\n");
  return [pairs, numbered, abilities(clients), told(clients, words)]
    .filter((part) => part !== "")
    .join("\n\n");
}

const yes = (is: boolean): string => (is ? "yes" : "no");

function abilities(clients: readonly Client[]): string {
  const rows = clients.map((client) => [
    client.name,
    client.version,
    { "sends and shows": "sound and picture", sends: "sound, and sends a picture", none: "sound" }[
      client.pictures
    ],
    client.callsNobody === undefined ? "calls and is called" : "is called",
    yes(client.holds !== "never"),
    { all: "yes", "own calls": "in calls that it made", never: "no" }[client.restarts],
    { full: "everything", "hold-only": "hold", none: "nothing" }[client.capabilities.renegotiation ?? "full"],
    { declined: "yes", busy: "by being busy", never: "no" }[client.declines],
    yes(client.capabilities.hangup !== false),
  ]);
  const head = ["client", "what runs", "media", "calls", "holds", "restarts ICE"];
  return table([...head, "takes in mid-call", "declines", "says that it hangs up"], rows);
}

function told(clients: readonly Client[], words: Matrix["words"]): string {
  const rows = clients.map(({ name }) => [
    name,
    ...["told", "declined", "busy", "cancelled"].map((happened) =>
      [...(words.get(name)?.get(happened) ?? [])].map((said) => `\`${said}\``).join(", "),
    ),
  ]);
  return table(["client", "the other end hung up", "declined", "was busy", "gave up"], rows);
}

/** What became of the scenarios, in Markdown. */
export function scenarioTable(outcomes: readonly ScenarioOutcome[]): string {
  const rows = outcomes.map(({ name, result, why, said }) => [
    name,
    result === "ok" ? "✓" : `✗ ${why}`,
    said.join(", "),
  ]);
  return table(["scenario", "", "what the others said"], rows);
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [head, head.map(() => "---"), ...rows];
  return lines.map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}
