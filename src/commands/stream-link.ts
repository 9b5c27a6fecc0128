import type { CommandLine } from "../config/flags.ts";
import { signLink } from "../media/http/signed-link.ts";
import { now } from "../net/clock.ts";
import { isId } from "../protocol/address.ts";
import { linkKeys, ticketKeys } from "../server/ticket-keys.ts";
import { fail, ok, type Result } from "../shared/result.ts";
import { commandSettings } from "./command-settings.ts";
import { duration } from "./duration.ts";

const ownFlags = ["view", "publish", "for", "url"] as const;

/** Prints a signed link. Exit code 2 for a wrong command line or setting. */
export function streamLink(line: CommandLine): number {
  const link = makeStreamLink(line, process.env);
  if (link.ok) console.log(link.value);
  else console.error(`switchboard: ${link.error}`);
  return link.ok ? 0 : 2;
}

/** The URL of WHIP or WHEP that permits one thing for a while. The error is one line. */
export function makeStreamLink(
  { flags, words }: CommandLine,
  env: Readonly<Record<string, string | undefined>>,
): Result<string, string> {
  const settings = commandSettings({ flags }, ownFlags, env);
  if (!settings.ok) return settings;
  if (flags.has("view") === flags.has("publish"))
    return fail("stream-link needs one of --view and --publish");
  const action = flags.has("view") ? "view" : "publish";
  const after = flags.get(action)?.at(-1);
  const stream = words[0] ?? (typeof after === "string" ? after : "");
  if (!isId(stream))
    return fail(
      "stream-link needs the name of a stream, such as `switchboard stream-link lobby --view --for 2h`",
    );
  const seconds = duration(flags.get("for")?.at(-1) ?? "");
  if (seconds === undefined) return fail("--for needs a time such as 90s, 15m, 2h or 7d");
  const { tls, port, ticketKey, tokens } = settings.value;
  const base = flags.get("url")?.at(-1) ?? `http${tls.cert === "" ? "" : "s"}://localhost:${port}`;
  if (base === true || !/^https?:\/\/[^/?#\s]+\/?$/.test(base) || !URL.canParse(base))
    return fail("--url needs the server's URL, such as https://live.example.com");

  let unusable: string | undefined;
  const keys = ticketKeys(
    settings.value,
    now(),
    ({ folder, reason }) => {
      unusable = `the state folder ${folder} can't be used (${reason})`;
    },
    env,
  );
  // Without a key of the settings, the server finds the same key in the state folder only.
  if (unusable !== undefined && ticketKey === "" && tokens.secret === "")
    return fail(`${unusable}: set ticketKey, or run this as the server's user`);
  const [key = new Uint8Array()] = linkKeys(keys);
  const expires = Math.floor(Date.now() / 1_000) + seconds;
  const endpoint = action === "view" ? "whep" : "whip";
  const token = signLink(key, { stream, action, expires });
  return ok(`${base.replace(/\/$/, "")}/${endpoint}/${encodeURIComponent(stream)}?token=${token}`);
}
