import { deriveKey, hashKey, random } from "../net/crypto.ts";
import { readState, stateFolder, writeState } from "./state-folder.ts";

/** The settings that ticket keys depend on. */
export interface TicketKeySettings {
  readonly ticketKey: string;
  readonly formerTicketKey: string;
  readonly stateFolder: string;
  readonly tokens: { readonly secret: string };
  readonly limits: { readonly ticketTtl: number };
}

/** Why the state folder can't be used, and what follows from that. */
type Warn = (facts: { readonly folder: string; readonly reason: string }, message: string) => void;

/** A key as the state folder has it: base64url. `until`: how long it still opens tickets, Unix ms; absent for the current one. */
interface KeptKey {
  readonly key: string;
  readonly until?: number;
}

const fileName = "ticket-keys.json";
/** Former keys that are kept at most. */
const mostFormer = 4;

/**
 * The keys of session tickets: the first seals, all of them open. The first is that of the setting `ticketKey`, else one derived from
 * `tokens.secret` (HKDF, RFC 5869), else one that the state folder keeps (mode 0600), so that a restart of the server ends no call. The
 * state folder also keeps the keys that were used before, for as long as tickets live; `formerTicketKey` names one by hand.
 */
export function ticketKeys(
  settings: TicketKeySettings,
  now: number,
  warn: Warn,
  env: Readonly<Record<string, string | undefined>> = process.env,
): Uint8Array[] {
  const { ticketKey, formerTicketKey, tokens, limits } = settings;
  const folder = stateFolder(settings.stateFolder, env);
  const configured =
    ticketKey !== ""
      ? hashKey(ticketKey)
      : tokens.secret !== ""
        ? deriveKey(tokens.secret, "switchboard/tickets")
        : undefined;
  let kept: KeptKey[] = [];
  let current = configured;
  try {
    kept = read(folder).filter(({ until = now + 1 }) => until > now);
    current ??= kept[0] === undefined ? bytesOf(random(32)) : bytesOf(kept[0].key);
    kept = withCurrent(kept, textOf(current), now + limits.ticketTtl);
    writeState(folder, fileName, `${JSON.stringify(kept)}\n`);
  } catch (error) {
    const then =
      configured === undefined
        ? "session tickets die with this process: a restart ends calls; set ticketKey"
        : "keys of tickets that were used before are not kept";
    warn({ folder, reason: (error as Error).message }, `the state folder can't be used; ${then}`);
  }
  current ??= bytesOf(random(32));
  const former = kept.map(({ key }) => key).filter((key) => key !== textOf(current));
  const byHand = formerTicketKey === "" ? [] : [hashKey(formerTicketKey)];
  return [current, ...byHand, ...former.map(bytesOf)];
}

/** The keys of signed links (`switchboard stream-link`), one of each ticket key (HKDF, RFC 5869). The first signs, all of them verify. */
export function linkKeys(keys: readonly Uint8Array[]): Uint8Array[] {
  return keys.map((key) => deriveKey(textOf(key), "switchboard/stream-links"));
}

/** The current key first; the one that was current opens tickets until they have expired. */
function withCurrent(kept: readonly KeptKey[], current: string, until: number): KeptKey[] {
  const former = kept
    .filter(({ key }) => key !== current)
    .map((one) => (one.until === undefined ? { ...one, until } : one));
  return [{ key: current }, ...former.slice(0, mostFormer)];
}

/** Throws an Error for a file that can't be read or is no list of keys: it would be written over. */
function read(folder: string): KeptKey[] {
  const text = readState(folder, fileName);
  if (text === undefined) return [];
  const kept: unknown = JSON.parse(text);
  if (!Array.isArray(kept) || !kept.every(isKept)) throw new Error(`${fileName} is no list of keys`);
  return kept;
}

function isKept(one: unknown): one is KeptKey {
  if (typeof one !== "object" || one === null) return false;
  const { key, until } = one as Record<string, unknown>;
  return (
    typeof key === "string" &&
    bytesOf(key).length === 32 &&
    (until === undefined || typeof until === "number")
  );
}

function bytesOf(text: string): Uint8Array {
  return Buffer.from(text, "base64url");
}

function textOf(key: Uint8Array): string {
  return Buffer.from(key).toString("base64url");
}
