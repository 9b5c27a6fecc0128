import type { CommandLine } from "../config/flags.ts";
import { now } from "../net/clock.ts";
import { isId } from "../protocol/address.ts";
import { addKey, listKeys, revokeKeys } from "../server/key-file.ts";
import { streamKeys } from "../server/stream-keys.ts";
import { fail, ok } from "../shared/result.ts";
import { type Environment, inStateFolder, type Managed, printManaged } from "./command-settings.ts";

const ownFlags = ["revoke", "id", "list"] as const;

/**
 * Makes, lists or revokes stream keys in the server's state folder. Prints a new key alone, so that a script can take it. Exit code 2
 * for a wrong command line or setting, 1 where the state folder can't be used or nothing was revoked.
 */
export function streamKey(line: CommandLine): number {
  return printManaged(manageStreamKeys(line, process.env));
}

/** What is printed, or why nothing was done. */
export function manageStreamKeys(line: CommandLine, env: Environment): Managed {
  return inStateFolder(line, ownFlags, env, (folder) => manage(line, folder));
}

function manage({ flags, words }: CommandLine, folder: string): Managed {
  const wrong = (reason: string) => fail({ reason, code: 2 });
  const revoked = flags.get("revoke")?.at(-1);
  const stream = words[0] ?? (typeof revoked === "string" ? revoked : undefined);
  const id = flags.get("id")?.at(-1);
  if (flags.has("list")) {
    const keys = listKeys(streamKeys, folder).filter((key) => stream === undefined || key.stream === stream);
    const lines = keys.map((key) => `${key.id}  ${new Date(key.created).toISOString()}  ${key.stream}`);
    return ok({ output: lines.length === 0 ? "There are no stream keys." : lines.join("\n") });
  }
  if (stream === undefined || !isId(stream))
    return wrong("stream-key needs the name of a stream, such as `switchboard stream-key lobby`");
  if (revoked === undefined)
    return ok({
      output: addKey(streamKeys, folder, { stream }, now()).key,
      note: `Publishes ${stream} only, as a Bearer token at /whip/${encodeURIComponent(stream)}. The key is shown this once.`,
    });
  if (id === true) return wrong("--id needs the id of a key, as --list shows it");
  const count = revokeKeys(
    streamKeys,
    folder,
    (key) => key.stream === stream && (id === undefined || key.id === id),
  );
  return count === 0
    ? fail({ reason: `there is no such key of ${stream}`, code: 1 })
    : ok({ output: `Revoked ${count === 1 ? "1 key" : `${count} keys`} of ${stream}.` });
}
