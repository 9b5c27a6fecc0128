import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

/** Where the server keeps what must outlive it: the setting, systemd's folder, or the user's (XDG base directories). */
export function stateFolder(
  configured: string,
  env: Readonly<Record<string, string | undefined>> = process.env,
): string {
  if (configured !== "") return configured;
  const own = env.STATE_DIRECTORY?.split(":")[0];
  if (own !== undefined && own !== "") return own;
  return join(env.XDG_STATE_HOME || join(homedir(), ".local", "state"), "switchboard");
}

/** The text of a file of the state folder; undefined where it was never written. Throws an Error for one that can't be read. */
export function readState(folder: string, name: string): string | undefined {
  try {
    return readFileSync(join(folder, name), "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** Writes a file of the state folder, whole or not at all: another server of this user may read it now. Nobody else may. */
export function writeState(folder: string, name: string, text: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, name);
  const scratch = `${path}.${process.pid}`;
  writeFileSync(scratch, text, { mode: 0o600 });
  chmodSync(scratch, 0o600);
  renameSync(scratch, path);
}
