import { type CommandLine, settingFlags } from "../config/flags.ts";
import { loadSettings } from "../config/load.ts";
import { formatHost } from "../package-info.ts";

/** How long the server may take to answer. ms */
const patience = 10_000;

/**
 * Prints the record of a session, which it asks the running server for on `admin.port`; without a session the newest ones. Exit code 2
 * for a wrong command line or setting, 1 where the server does not answer or knows no such session.
 */
export async function printRecord(line: CommandLine): Promise<number> {
  const settings = loadSettings({ flags: settingFlags(line), env: process.env });
  if (!settings.ok) return wrong(settings.error, 2);
  const { port, host } = settings.value.admin;
  if (port === 0)
    return wrong("setting admin.port: the server shows records there (SWITCHBOARD_ADMIN_PORT)", 2);
  const [session] = line.words;
  const base = `http://${formatHost(host)}:${port}/admin/records`;
  try {
    const response = await fetch(session === undefined ? base : `${base}/${encodeURIComponent(session)}`, {
      headers: { accept: session === undefined ? "application/json" : "text/plain" },
      signal: AbortSignal.timeout(patience),
    });
    if (!response.ok) return wrong((await response.text()).trim(), 1);
    console.log(session === undefined ? listed(await response.json()) : (await response.text()).trimEnd());
    return 0;
  } catch (error) {
    return wrong(`no server answers at ${base}: ${(error as Error).message}`, 1);
  }
}

interface Listed {
  readonly session: string;
  readonly startedAt: number;
  readonly caller: { readonly user: string };
  readonly callee: { readonly user: string };
  readonly reason?: string;
  readonly cause?: string;
}

function listed({ records }: { readonly records: readonly Listed[] }): string {
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
