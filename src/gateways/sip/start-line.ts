import { isDigits, isToken } from "./characters.ts";
import { messageLimits } from "./message-limits.ts";
import { parseUri, type Uri } from "./uri.ts";

export type StartLine =
  | { readonly kind: "request"; readonly method: string; readonly uri: Uri }
  | { readonly kind: "response"; readonly status: number; readonly reason: string };

/** What is wrong with a start line, and the response to send if it is a request. */
export interface BadStartLine {
  readonly kind: "bad";
  readonly reason: string;
  readonly status: number;
}

/** True for the first line of a response, even a malformed one. */
export function isStatusLine(text: string): boolean {
  return text.slice(0, 4).toUpperCase() === "SIP/";
}

/** Parses the first line of a message (RFC 3261 §7.1, §7.2): with single spaces, and none after a request line. */
export function parseStartLine(line: string): StartLine | BadStartLine {
  if (line.length > messageLimits.line) return bad("start line too long", 414);
  return isStatusLine(line) ? statusLine(line) : requestLine(line);
}

function requestLine(line: string): StartLine | BadStartLine {
  const first = line.indexOf(" ");
  const last = line.lastIndexOf(" ");
  const method = line.slice(0, first);
  if (first < 1 || last <= first || !isToken(method)) return bad("no request line", 400);
  const version = line.slice(last + 1).toUpperCase();
  if (version !== "SIP/2.0")
    return /^SIP\/\d{1,8}\.\d{1,8}$/.test(version)
      ? bad("version is not 2.0", 505)
      : bad("no version at the end of the request line", 400);
  const uri = parseUri(line.slice(first + 1, last));
  if (uri === undefined) return bad("Request-URI is wrong", 400);
  // A Request-URI must have no headers (RFC 3261 §19.1.1).
  if ("headers" in uri && uri.headers !== undefined) return bad("Request-URI has headers", 400);
  return { kind: "request", method, uri };
}

function statusLine(line: string): StartLine | BadStartLine {
  const code = line.slice(8, 11);
  const status = Number(code);
  const end = line.length === 11 || line[11] === " ";
  if (
    line.slice(0, 8).toUpperCase() !== "SIP/2.0 " ||
    !isDigits(code, 3) ||
    !end ||
    status < 100 ||
    status > 699
  )
    return bad("no status line", 400);
  return { kind: "response", status, reason: line.slice(12) };
}

function bad(reason: string, status: number): BadStartLine {
  return { kind: "bad", reason, status };
}
