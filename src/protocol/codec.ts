import { type LazyValidator, lazyValidator } from "../shared/lazy-validator.ts";
import { personName } from "../shared/person-name.ts";
import { fail, ok, type Result } from "../shared/result.ts";
import { type WireError, wireError } from "./error-codes.ts";
import { ClientAck, Hello } from "./handshake.ts";
import { type Request, type RequestType, requests } from "./requests.ts";

/** What a client may send once it has said hello. */
export type ClientFrame =
  | { readonly kind: "request"; readonly request: Request }
  | { readonly kind: "ack"; readonly seq: number }
  | { readonly kind: "ping" }
  | { readonly kind: "pong" }
  /** A request that has a usable id but is wrong otherwise: it is admitted, and answered with this error. */
  | { readonly kind: "refused"; readonly id: number; readonly error: WireError };

const helloChecker = lazyValidator(Hello);
const ackChecker = lazyValidator(ClientAck);
const requestCheckers = new Map(
  Object.entries(requests).map(([type, schema]) => [type, lazyValidator(schema)]),
);

/**
 * JSON nested deeper than this is refused, in known and unknown fields alike: what is opaque gets relayed, and
 * writing a tree that is deep enough overflows the stack of some runtimes.
 */
export const maxNesting = 64;

/** Reads the first frame of a transport. The device's name is as others may see it. The error's text says which field is wrong. */
export function decodeHello(text: string): Result<Hello, string> {
  const value = parseObject(text);
  if (value === undefined) return fail("not a JSON object");
  if (value.type !== "hello") return fail("the first frame must be hello");
  if (!helloChecker.Check(value)) return fail(explain(helloChecker, value));
  if (isTooDeep(text)) return fail(tooDeep);
  const hello = value as Hello;
  const { name, ...device } = hello.device ?? {};
  if (name === undefined) return ok(hello);
  const shown = personName(name);
  return ok({ ...hello, device: shown === undefined ? device : { ...device, name: shown } });
}

/** Reads any later frame. A failure is a broken rule of the link: the transport is closed with 4200. */
export function decodeFrame(text: string): Result<ClientFrame, string> {
  const value = parseObject(text);
  if (value === undefined) return fail("not a JSON object");
  const { type, id } = value;
  if (typeof type !== "string") return fail("a frame needs a type");
  if (id === undefined) {
    if (type === "ack" && ackChecker.Check(value)) return ok({ kind: "ack", seq: value.seq as number });
    if (type === "pong") return ok({ kind: "pong" });
    if (type === "ping") return ok({ kind: "ping" });
    return fail(`${type.slice(0, 32)} needs an id`);
  }
  if (typeof id !== "number" || !Number.isSafeInteger(id) || id < 1)
    return fail("an id is a whole number from 1");
  const checker = requestCheckers.get(type);
  if (checker === undefined) return ok({ kind: "refused", id, error: wireError("unknown_type") });
  if (!checker.Check(value))
    return ok({ kind: "refused", id, error: wireError("bad_request", explain(checker, value)) });
  if (isTooDeep(text)) return ok({ kind: "refused", id, error: wireError("bad_request", tooDeep) });
  return ok({ kind: "request", request: value as Request });
}

/** True when the text names a request of the protocol. */
export function isRequestType(type: string): type is RequestType {
  return Object.hasOwn(requests, type);
}

function parseObject(text: string): Record<string, unknown> | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined;
}

const tooDeep = `the frame: nested deeper than ${maxNesting} levels`;

/** True for JSON nested deeper than {@link maxNesting}. Few texts have brackets enough for that; only those are read through. */
export function isTooDeep(text: string): boolean {
  return occurrences(text, "[") + occurrences(text, "{") > maxNesting && nestsDeeper(text, maxNesting);
}

function occurrences(text: string, bracket: string): number {
  let count = 0;
  for (let at = text.indexOf(bracket); at >= 0; at = text.indexOf(bracket, at + 1)) count++;
  return count;
}

/** Reads the text, which is JSON, rather than the values made of it: to walk a wide tree takes ten times as long. */
function nestsDeeper(text: string, levels: number): boolean {
  let depth = 0;
  for (let at = 0; at < text.length; at++)
    switch (text.charCodeAt(at)) {
      case quote:
        at = stringEnd(text, at);
        break;
      case openBracket:
      case openBrace:
        depth++;
        if (depth > levels) return true;
        break;
      case closeBracket:
      case closeBrace:
        depth--;
    }
  return false;
}

/** Where the string ends that begins at `start`. */
function stringEnd(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length && text.charCodeAt(at) !== quote) at += text.charCodeAt(at) === backslash ? 2 : 1;
  return at;
}

const [quote, backslash] = [0x22, 0x5c];
const [openBracket, closeBracket, openBrace, closeBrace] = [0x5b, 0x5d, 0x7b, 0x7d];

function explain(checker: LazyValidator, value: unknown): string {
  const [first] = checker.Errors(value);
  if (first === undefined) return "the frame breaks its schema";
  const where = first.instancePath === "" ? "the frame" : first.instancePath.slice(1).replaceAll("/", ".");
  return `${where}: ${first.message}`.slice(0, 200);
}
