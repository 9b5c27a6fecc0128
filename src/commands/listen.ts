import { ApiError } from "../application/api.ts";
import { type FollowedEvent, followEvents } from "../application/follow-events.ts";
import type { CommandLine } from "../config/flags.ts";
import { random, sha256 } from "../net/crypto.ts";
import { signedHeaders, webhookKey } from "../net/standard-webhooks.ts";
import { apiUrl, commandSettings } from "./command-settings.ts";

/** How long the receiver may take. ms */
const patience = 15_000;
const ownFlags = ["forward", "events", "key", "secret", "url"];

/**
 * Follows the events of a running server and posts each to `--forward`, signed as a webhook, one after the other: a developer's machine
 * needs no public address. `--events`: names and families such as `session.*`, all by default. `--secret`: what signs, by default a new
 * one, which it prints. `--url` and `--key`: where the server's API is, by default on this machine, with the key of development mode. It
 * connects again by itself. Runs until it is ended; exit code 2 for a wrong command line, 1 where the server refuses.
 */
export async function listen(line: CommandLine): Promise<number> {
  const flag = (name: string): string | undefined => {
    const value = line.flags.get(name)?.at(-1);
    return value === true ? "" : value;
  };
  const forward = flag("forward") ?? "";
  if (!/^https?:$/.test(URL.canParse(forward) ? new URL(forward).protocol : ""))
    return wrong("listen: --forward must be an http or https URL", 2);
  const secret = flag("secret") ?? `whsec_${Buffer.from(random(32), "base64url").toString("base64")}`;
  const key = webhookKey(secret);
  if (key === undefined) return wrong("listen: --secret must be whsec_ and base64 of 24 to 64 bytes", 2);
  const settings = commandSettings(line, ownFlags, process.env);
  if (!settings.ok) return wrong(settings.error, 2);
  const url = flag("url") ?? apiUrl(settings.value);
  const events = flag("events");
  const options = events === undefined ? {} : { types: events.split(",") };
  console.log(`${url} → ${forward}\nsigned with ${secret}`);
  try {
    for await (const event of followEvents(
      { url, key: flag("key") ?? "dev:admin", fetch: heard(url) },
      options,
    ))
      console.log(await post(forward, key, event));
    return 0;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return wrong(`${url} refuses: ${error.message}`, 1);
  }
}

/** `fetch` that says once when nobody answers, and once when somebody does again: {@link followEvents} tries on without a word. */
function heard(url: string): typeof fetch {
  let silent = false;
  const request = async (...args: Parameters<typeof fetch>): Promise<Response> => {
    try {
      const response = await fetch(...args);
      if (silent) console.log(`${url} answers`);
      silent = false;
      return response;
    } catch (error) {
      if (!silent) console.error(`switchboard: no server answers at ${url}; it is tried again every second`);
      silent = true;
      throw error;
    }
  };
  return request as typeof fetch;
}

/** Posts it, and says in a line what came of it. */
async function post(forward: string, key: Uint8Array, { type, event }: FollowedEvent): Promise<string> {
  if (type === "gap") return "gap: events are gone that nobody was told of in time";
  const body = JSON.stringify(event);
  const id = `evt_${sha256(body).slice(0, 24)}`;
  const seconds = Math.floor(Date.now() / 1_000);
  try {
    const response = await fetch(forward, {
      method: "POST",
      headers: { "Content-Type": "application/json", ...signedHeaders([key], { id, seconds, body }) },
      body,
      redirect: "manual",
      signal: AbortSignal.timeout(patience),
    });
    await response.body?.cancel();
    return `${type} → ${response.status}`;
  } catch (error) {
    return `${type} → ${(error as Error).message}`;
  }
}

function wrong(text: string, code: number): number {
  console.error(`switchboard: ${text}`);
  return code;
}
