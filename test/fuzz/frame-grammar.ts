import { Hello } from "../../src/protocol/handshake.ts";
import { requests } from "../../src/protocol/requests.ts";
import type { Random } from "./random.ts";

/** What the generator knows of the world, so that frames speak of things that are there. */
export interface Vocabulary {
  readonly users: readonly string[];
  readonly devices: readonly string[];
  readonly rooms: readonly string[];
  readonly streams: readonly string[];
  readonly sessions: readonly string[];
  readonly members: readonly string[];
  readonly tickets: readonly string[];
  readonly tokens: readonly string[];
}

interface Schema {
  readonly type?: string;
  readonly const?: unknown;
  readonly anyOf?: readonly Schema[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly patternProperties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
}

const types = Object.keys(requests) as (keyof typeof requests)[];
/** What moves a session is asked more often than what only costs a line. */
const weighted = [
  ...types,
  ...([
    "call",
    "accept",
    "accept",
    "confirm",
    "confirm",
    "signal",
    "signal",
    "join",
    "move",
    "report",
  ] as const),
];
const sdps = ["v=0\r\n", "v=0\r\na=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n", "", "x".repeat(3_000)];

/** A frame that its schema accepts, most of the time speaking of things that are there. */
export function validRequest(random: Random, words: Vocabulary): Record<string, unknown> {
  return anyOf(random, words, requests[random.pick(weighted)] as Schema, "") as Record<string, unknown>;
}

export function validHello(random: Random, words: Vocabulary): Record<string, unknown> {
  return anyOf(random, words, Hello as unknown as Schema, "") as Record<string, unknown>;
}

function anyOf(random: Random, words: Vocabulary, schema: Schema, name: string): unknown {
  if (schema.const !== undefined) return schema.const;
  if (schema.anyOf !== undefined) return anyOf(random, words, random.pick(schema.anyOf), name);
  switch (schema.type) {
    case "object":
      return objectOf(random, words, schema);
    case "array": {
      const most = Math.min(schema.maxItems ?? 4, random.chance(0.02) ? 80 : 4);
      const count = random.int(schema.minItems ?? 0, most);
      const items = schema.items ?? {};
      return Array.from({ length: count }, () => anyOf(random, words, items, name));
    }
    case "string":
      return textOf(random, words, schema, name);
    case "integer":
      if (name === "pair" || name === "generation") return random.pick([1, 1, 1, 1, 2, 2, 3, 7]);
      return random.int(schema.minimum ?? 0, Math.min(schema.maximum ?? 1e9, random.pick([3, 5_000, 1e9])));
    case "number":
      return random.next() * (schema.maximum ?? 1_000);
    case "boolean":
      return random.chance(0.5);
    case "null":
      return null;
    default:
      return anyJson(random, 3);
  }
}

function objectOf(random: Random, words: Vocabulary, schema: Schema): object {
  const value: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(schema.properties ?? {}))
    if (schema.required?.includes(name) || random.chance(0.4))
      value[name] = anyOf(random, words, field, name);
  const [entry] = Object.values(schema.patternProperties ?? {});
  if (entry !== undefined)
    for (let n = random.int(0, 3); n > 0; n--) value[`${random.int(0, 9)}`] = anyOf(random, words, entry, "");
  return value;
}

function textOf(random: Random, words: Vocabulary, schema: Schema, name: string): string {
  const known = knownText(random, words, name);
  if (known !== undefined && random.chance(0.95)) return known;
  const length = random.int(Math.max(1, schema.minLength ?? 1), Math.min(schema.maxLength ?? 40, 40));
  return Array.from({ length }, () => random.pick(["a", "b", "é", "😀", "-", "0"]))
    .join("")
    .slice(0, length);
}

function knownText(random: Random, words: Vocabulary, name: string): string | undefined {
  switch (name) {
    case "session":
    case "survivor":
      return words.sessions.length === 0 ? "s_none" : random.pick(words.sessions);
    case "room":
      return random.pick(words.rooms);
    case "member":
      return words.members.length === 0 ? "m_none" : random.pick(words.members);
    case "to":
      return random.pick([
        random.pick(words.users),
        `${random.pick(words.users)}/${random.pick(words.devices)}`,
        random.pick(words.devices),
        random.pick(words.rooms),
        random.pick(words.streams),
      ]);
    case "streams":
      return random.pick(words.streams).slice("stream:".length);
    case "users":
      return random.pick(words.users);
    case "device":
    case "id":
      return random.pick(words.devices);
    case "token":
      return random.pick(words.tokens);
    case "sessions":
      return words.tickets.length === 0 ? "ticket" : random.pick(words.tickets);
    case "sdp":
      return random.pick(sdps);
    case "candidate":
      return `candidate:${random.int(1, 9)} 1 udp 1 192.0.2.1 9 typ host`;
    case "key":
      return `k${random.int(1, 4)}`;
    default:
      return undefined;
  }
}

/** Any JSON value of some depth. */
export function anyJson(random: Random, depth: number): unknown {
  const kind = random.int(0, depth <= 0 ? 5 : 7);
  switch (kind) {
    case 0:
      return null;
    case 1:
      return random.chance(0.5);
    case 2:
      return random.pick([0, -0, -1, 1, 1.5, 2 ** 53, -(2 ** 53), 1e308, 5e-324, random.int(0, 100)]);
    case 3:
      return random.pick([
        "",
        "x",
        "\u0000",
        "\ud800",
        "\u202e",
        "é".repeat(50),
        "__proto__",
        "constructor",
        "x".repeat(2_000),
      ]);
    case 4:
      return {};
    case 5:
      return [];
    case 6:
      return Array.from({ length: random.int(1, 4) }, () => anyJson(random, depth - 1));
    default: {
      const value = {};
      for (let n = random.int(1, 3); n > 0; n--) {
        const key = random.pick(["a", "id", "type", "session", "__proto__", "constructor", "toString", ""]);
        // Defined, not assigned: a frame may have a field of its own that is called __proto__.
        Object.defineProperty(value, key, {
          value: anyJson(random, depth - 1),
          enumerable: true,
          writable: true,
          configurable: true,
        });
      }
      return value;
    }
  }
}
