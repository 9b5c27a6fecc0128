import type { Headers } from "./headers.ts";
import { reasonPhrase } from "./status.ts";

/** Why some bytes are no message. */
export interface ParseError {
  /** In English, for the log and the response's Warning. */
  readonly reason: string;
  /** The status of the response. Undefined for messages to drop: responses, ACKs, and what can't be answered. */
  readonly status: number | undefined;
  /** The headers that could be parsed. */
  readonly headers: Headers;
}

/** The headers that a response copies from its request (RFC 3261 §8.2.6.2). */
const echoed = ["Via", "From", "To", "Call-ID", "CSeq"] as const;

/** The response to a request that could not be parsed, as text. Undefined when there is to be none. */
export function refusal(error: ParseError): string | undefined {
  const { status, headers, reason } = error;
  if (status === undefined) return undefined;
  let text = `SIP/2.0 ${status} ${reasonPhrase(status)}\r\n`;
  for (const name of echoed) for (const value of headers.lines(name)) text += `${name}: ${value}\r\n`;
  return `${text}Warning: 399 switchboard "${reason}"\r\nContent-Length: 0\r\n\r\n`;
}
