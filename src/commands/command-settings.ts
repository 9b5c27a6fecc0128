import type { CommandLine } from "../config/flags.ts";
import { type LoadedSettings, loadSettings } from "../config/load.ts";
import { serverUrl } from "../package-info.ts";
import { stateFolder } from "../server/state-folder.ts";
import { fail, type Result } from "../shared/result.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** What a command on the state folder prints, or why nothing was done, with the exit code. */
export type Managed = Result<
  { readonly output: string; readonly note?: string },
  { readonly reason: string; readonly code: number }
>;

/** The settings of a command line, without the flags that are the command's own. The error is one line. */
export function commandSettings(
  { flags }: Pick<CommandLine, "flags">,
  ownFlags: readonly string[],
  env: Environment,
): Result<LoadedSettings, string> {
  const rest = new Map([...flags].map(([name, values]) => [name, values.at(-1) ?? true] as const));
  for (const name of ownFlags) rest.delete(name);
  return loadSettings({ flags: rest, env });
}

/** Where a server with these settings has its API, for a command on the same machine: on `admin.port`, else on its main port. */
export function apiUrl({ admin, port, host, path, tls }: LoadedSettings): string {
  return admin.port === 0
    ? serverUrl(tls.cert !== "", host || "127.0.0.1", port) + path
    : serverUrl(false, admin.host, admin.port);
}

/** Does that in the server's state folder. Code 2 for a wrong setting, 1 where the folder can't be used. */
export function inStateFolder(
  line: Pick<CommandLine, "flags">,
  ownFlags: readonly string[],
  env: Environment,
  manage: (folder: string) => Managed,
): Managed {
  const settings = commandSettings(line, ownFlags, env);
  if (!settings.ok) return fail({ reason: settings.error, code: 2 });
  const folder = stateFolder(settings.value.stateFolder, env);
  try {
    return manage(folder);
  } catch (error) {
    return fail({ reason: `the state folder ${folder} can't be used: ${(error as Error).message}`, code: 1 });
  }
}

/** Prints the output alone, so that a script can take it, and the note beside it. Answers the exit code. */
export function printManaged(done: Managed): number {
  if (!done.ok) {
    console.error(`switchboard: ${done.error.reason}`);
    return done.error.code;
  }
  console.log(done.value.output);
  if (done.value.note !== undefined) console.error(done.value.note);
  return 0;
}
