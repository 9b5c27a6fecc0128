import type { CommandLine } from "../config/flags.ts";
import type { Finding } from "../records/diagnosis/finding.ts";
import type { CallRecord } from "../records/record.ts";
import { recordText } from "../records/text.ts";
import { apiUrl, commandSettings } from "./command-settings.ts";

/** How long the server may take to answer. ms */
const patience = 10_000;

/**
 * Prints the record of a session, which it asks the running server for on `admin.port`, or on `port` where that is 0; without a session
 * the newest ones. `--key`: a key of the HTTP API, by default the one of development mode. Exit code 2 for a wrong command line or
 * setting, 1 where the server does not answer or knows no such session.
 */
export async function printRecord(line: CommandLine): Promise<number> {
  const key = line.flags.get("key")?.at(-1) ?? "dev:admin";
  const settings = commandSettings(line, ["key"], process.env);
  if (!settings.ok) return wrong(settings.error, 2);
  const [session] = line.words;
  const base = `${apiUrl(settings.value)}/api/v1/records`;
  try {
    const response = await fetch(session === undefined ? base : `${base}/${encodeURIComponent(session)}`, {
      headers: { authorization: `Bearer ${key}` },
      signal: AbortSignal.timeout(patience),
    });
    const answer = await response.json();
    if (!response.ok) return wrong(answer.detail, 1);
    console.log(session === undefined ? listed(answer) : textOf(answer));
    return 0;
  } catch (error) {
    return wrong(`no server answers at ${base}: ${(error as Error).message}`, 1);
  }
}

function textOf({ diagnosis, ...record }: CallRecord & { readonly diagnosis: readonly Finding[] }): string {
  return recordText({ record, diagnosis }).trimEnd();
}

interface Listed {
  readonly session: string;
  readonly startedAt: number;
  readonly caller: { readonly user: string };
  readonly callee: { readonly user: string };
  readonly reason?: string;
  readonly cause?: string;
}

function listed({ items: records }: { readonly items: readonly Listed[] }): string {
  if (records.length === 0) return "There are no records.";
  return records
    .map(({ session, startedAt, caller, callee, reason = "", cause = "" }) =>
      [new Date(startedAt).toISOString(), session, `${caller.user} → ${callee.user}`, reason, cause].join(
        "  ",
      ),
    )
    .join("\n");
}

function wrong(text: string, code: number): number {
  console.error(`switchboard: ${text}`);
  return code;
}
