import { decodeText, encodeText } from "../../wire/stun/text.ts";
import { bodyText, contentType, type SipMessage } from "./message.ts";
import { parseParameters } from "./parameters.ts";

const mostParts = 16;

/**
 * The session description of a message: its body, or the first such part of a `multipart/mixed` body (RFC 5621). Undefined
 * when it has none, or when that is not UTF-8.
 */
export function sessionDescription(message: SipMessage): string | undefined {
  if (message.body.length === 0) return undefined;
  switch (contentType(message)) {
    case "application/sdp":
      return bodyText(message);
    case "multipart/mixed":
      return partOf(message, "application/sdp");
    default:
      return undefined;
  }
}

function partOf(message: SipMessage, type: string): string | undefined {
  const value = message.headers.get("Content-Type") ?? "";
  const semicolon = value.indexOf(";");
  const boundary = semicolon < 0 ? undefined : parseParameters(value, semicolon)?.get("boundary");
  // A boundary has 70 characters at most (RFC 2046 §5.1.1).
  if (!boundary || boundary.length > 70) return undefined;
  for (const part of parts(message.body, encodeText(`--${boundary}`))) {
    const text = decodeText(part);
    const end = text?.indexOf("\r\n\r\n") ?? -1;
    if (text === undefined || end < 0) continue;
    const line = text
      .slice(0, end)
      .split("\r\n")
      .find((one) => one.toLowerCase().startsWith("content-type:"));
    const found = line?.slice("content-type:".length).split(";", 1)[0]?.trim().toLowerCase();
    if (found === type) return text.slice(end + 4);
  }
  return undefined;
}

/** The parts between the delimiters, with their headers. */
function parts(body: Uint8Array, delimiter: Uint8Array): Uint8Array[] {
  const found: Uint8Array[] = [];
  let start = -1;
  for (let at = body.indexOf(0x2d); at >= 0 && found.length < mostParts; at = body.indexOf(0x2d, at + 1)) {
    if ((at > 0 && body[at - 1] !== 0x0a) || !matches(body, at, delimiter)) continue;
    // The CRLF before a delimiter is part of the delimiter.
    if (start >= 0) found.push(body.subarray(start, Math.max(start, at - 2)));
    start = at + delimiter.length + 2;
    at += delimiter.length - 1;
  }
  return found;
}

function matches(body: Uint8Array, at: number, delimiter: Uint8Array): boolean {
  if (at + delimiter.length > body.length) return false;
  for (let here = 0; here < delimiter.length; here++) if (body[at + here] !== delimiter[here]) return false;
  return true;
}
