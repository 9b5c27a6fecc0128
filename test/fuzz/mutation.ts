import { anyJson } from "./frame-grammar.ts";
import type { Random } from "./random.ts";

/** Breaks a frame somewhere: in its tree, in its text, or both. The result need not be JSON. */
export function mutated(random: Random, frame: Record<string, unknown>): string {
  const copy = structuredClone(frame);
  for (let n = random.int(1, 3); n > 0; n--) mutateTree(random, copy);
  const text = JSON.stringify(copy);
  return random.chance(0.1) ? mutatedText(random, text) : text;
}

function mutateTree(random: Random, root: Record<string, unknown>): void {
  let at: Record<string, unknown> = root;
  for (let depth = random.int(0, 3); depth > 0; depth--) {
    const inner = Object.values(at).filter((value) => typeof value === "object" && value !== null);
    if (inner.length === 0) break;
    at = random.pick(inner) as Record<string, unknown>;
  }
  const keys = Object.keys(at);
  const key = keys.length === 0 ? "x" : random.pick(keys);
  switch (random.int(0, 6)) {
    case 0:
      delete at[key];
      break;
    case 1:
      at[key] = anyJson(random, 3);
      break;
    case 2:
      at[random.pick(["id", "type", "session", "seq", "x", "then"])] = anyJson(random, 2);
      break;
    case 3:
      at[key] = [at[key]];
      break;
    case 4:
      at[key] = nested(random.int(10, 3_000));
      break;
    case 5:
      at[key] =
        typeof at[key] === "string"
          ? `${at[key]}${random.pick(["\u0000", " ", "/", ":", "*", "é", "\ud800"])}`
          : -1;
      break;
    default:
      at[key] = "y".repeat(random.pick([129, 3_000, 20_000]));
  }
}

function nested(levels: number): unknown {
  let value: unknown = 1;
  for (let n = 0; n < levels; n++) value = n % 2 === 0 ? [value] : { a: value };
  return value;
}

/** Breaks a text as text. */
export function mutatedText(random: Random, text: string): string {
  const at = random.int(0, text.length);
  switch (random.int(0, 5)) {
    case 0:
      return text.slice(0, at);
    case 1:
      return `${text.slice(0, at)}${String.fromCharCode(random.int(0, 0xffff))}${text.slice(at + 1)}`;
    case 2:
      return `${text}${text}`;
    case 3:
      return `${text.slice(0, at)}${text.slice(at, at + 20)}${text.slice(at)}`;
    case 4:
      return ` \n${text}\u0000`;
    default:
      return bytes(random, random.int(0, 300));
  }
}

/** What bytes become that are taken for UTF-8. */
export function bytes(random: Random, length: number): string {
  const raw = new Uint8Array(length);
  for (let n = 0; n < length; n++) raw[n] = random.int(0, 255);
  return new TextDecoder().decode(raw);
}
