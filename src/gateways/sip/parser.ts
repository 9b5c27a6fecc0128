import { fail, ok, type Result } from "../../shared/result.ts";
import { decodeText, encodeText } from "../../wire/stun/text.ts";
import { isBlank, isToken } from "./characters.ts";
import { parseCSeq } from "./cseq.ts";
import { headerKey } from "./header-name.ts";
import { parseCount } from "./header-values.ts";
import { Headers } from "./headers.ts";
import type { SipMessage } from "./message.ts";
import { messageLimits } from "./message-limits.ts";
import { parseNameAddress } from "./name-address.ts";
import type { ParseError } from "./parse-error.ts";
import { isStatusLine, parseStartLine, type StartLine } from "./start-line.ts";
import { parseVia } from "./via.ts";

/** Headers that may occur only once in a message (RFC 3261 §7.3.1). */
const single = new Set(
  ["From", "To", "Call-ID", "CSeq", "Max-Forwards", "Content-Length", "Content-Type"].map(headerKey),
);

/**
 * Parses one whole message: a WebSocket frame, or a message cut from a stream. Bytes behind its Content-Length are dropped
 * (RFC 3261 §18.3). Lines must end with CRLF. An error says which response to send, if any.
 */
export function parseMessage(input: string | Uint8Array): Result<SipMessage, ParseError> {
  const headers = new Headers();
  const drop = (reason: string) => fail({ reason, status: undefined, headers });
  if (input.length > messageLimits.message) return drop("message too long");
  const split = typeof input === "string" ? splitText(input) : splitBytes(input);
  if (split === undefined) return drop("no empty line behind the headers");
  const { head, body } = split;
  if (head.length > messageLimits.head) return drop("headers too long");

  const firstEnd = lineEnd(head, 0);
  const start = parseStartLine(head.slice(0, firstEnd));
  const trouble = readHeaders(head, firstEnd + 2, headers);
  // Responses are routed by the Vias. Even one without From, To or Call-ID is better than none (RFC 4475 §3.3.1).
  const answerable = !isStatusLine(head) && !head.startsWith("ACK ") && headers.has("Via");
  const refuse = (reason: string, status = 400) =>
    fail({ reason, status: answerable ? status : undefined, headers });
  if (start.kind === "bad") return refuse(start.reason, start.status);
  if (trouble !== undefined) return refuse(trouble);
  return understand(start, headers, body, refuse);
}

/** Parses the headers that every message must have. */
function understand(
  start: StartLine,
  headers: Headers,
  rest: Uint8Array,
  refuse: (reason: string) => Result<never, ParseError>,
): Result<SipMessage, ParseError> {
  const vias = headers.values("Via").map(parseVia);
  const [via] = vias;
  if (via === undefined || vias.includes(undefined)) return refuse("Via is missing or wrong");
  const from = parseNameAddress(headers.get("From") ?? "");
  if (from === undefined) return refuse("From is missing or wrong");
  const to = parseNameAddress(headers.get("To") ?? "");
  if (to === undefined) return refuse("To is missing or wrong");
  const callId = headers.get("Call-ID") ?? "";
  if (callId === "" || callId.includes(" ")) return refuse("Call-ID is missing or wrong");
  const cseq = parseCSeq(headers.get("CSeq") ?? "");
  if (cseq === undefined) return refuse("CSeq is missing or wrong");
  if (start.kind === "request" && cseq.method !== start.method) return refuse("CSeq is of another method");
  const hops = headers.get("Max-Forwards");
  if (hops !== undefined && (parseCount(hops) ?? 256) > 255) return refuse("Max-Forwards is wrong");
  for (const value of headers.values("Contact"))
    if (value !== "*" && parseNameAddress(value) === undefined) return refuse("Contact is wrong");

  const length = headers.get("Content-Length");
  const expected = length === undefined ? rest.length : parseCount(length);
  if (expected === undefined) return refuse("Content-Length is wrong");
  if (expected > rest.length) return refuse("Content-Length is more than there is");
  const body = expected === rest.length ? rest : rest.subarray(0, expected);
  return ok({ ...start, headers, via, from, to, callId, cseq, body });
}

/** Reads header lines from `at` as far as possible. Answers the first error in them, if there is one. */
function readHeaders(head: string, at: number, headers: Headers): string | undefined {
  let trouble: string | undefined;
  const seen = new Set<string>();
  for (let here = at; here < head.length; ) {
    let end = lineEnd(head, here);
    const pieces = [head.slice(here, end)];
    // A line that begins with a blank continues the one before (RFC 3261 §7.3.1).
    while (isBlank(head.charCodeAt(end + 2))) {
      const next = lineEnd(head, end + 2);
      pieces.push(head.slice(end + 2, next));
      end = next;
    }
    here = end + 2;
    const line = pieces.length === 1 ? (pieces[0] ?? "") : pieces.map((piece) => piece.trim()).join(" ");
    const colon = line.indexOf(":");
    const name = line.slice(0, colon).trimEnd();
    if (headers.size === messageLimits.headers) return trouble ?? "too many headers";
    if (line.length > messageLimits.line) trouble ??= "header too long";
    else if (colon < 0 || !isToken(name)) trouble ??= "a header has no name";
    else if (line.includes("\r") || line.includes("\n")) trouble ??= "a line ends without CRLF";
    else {
      const key = headerKey(name);
      if (single.has(key) && seen.has(key)) trouble ??= `more than one ${name}`;
      seen.add(key);
      headers.add(name, line.slice(colon + 1).trim());
    }
  }
  return trouble;
}

function lineEnd(head: string, at: number): number {
  const end = head.indexOf("\r\n", at);
  return end < 0 ? head.length : end;
}

/** Start line and headers without the empty line, and the body. */
interface Split {
  readonly head: string;
  readonly body: Uint8Array;
}

function splitText(text: string): Split | undefined {
  const end = text.indexOf("\r\n\r\n");
  if (end < 0) return undefined;
  return {
    head: text.slice(0, end),
    body: end + 4 === text.length ? noBody : encodeText(text.slice(end + 4)),
  };
}

function splitBytes(bytes: Uint8Array): Split | undefined {
  const end = headEnd(bytes, 0);
  const head = end < 0 ? undefined : decodeText(bytes.subarray(0, end));
  return head === undefined ? undefined : { head, body: bytes.subarray(end + 4) };
}

/** The position of the first CRLF CRLF from `at`; -1 when there is none. */
export function headEnd(bytes: Uint8Array, at: number): number {
  for (let here = bytes.indexOf(0x0d, at); here >= 0; here = bytes.indexOf(0x0d, here + 1))
    if (bytes[here + 1] === 0x0a && bytes[here + 2] === 0x0d && bytes[here + 3] === 0x0a) return here;
  return -1;
}

const noBody = new Uint8Array(0);
