import { decodeText, encodeText } from "../../wire/stun/text.ts";
import type { CSeq } from "./cseq.ts";
import { parseCount, splitValues } from "./header-values.ts";
import { Headers } from "./headers.ts";
import { formatNameAddress, type NameAddress, parseNameAddress, withTag } from "./name-address.ts";
import { reasonPhrase } from "./status.ts";
import type { Uri } from "./uri.ts";
import { formatVia, type Via } from "./via.ts";

/** The headers that every message has (RFC 3261 §8.1.1), parsed. */
interface Essentials {
  readonly headers: Headers;
  /** The topmost Via. */
  readonly via: Via;
  readonly from: NameAddress;
  readonly to: NameAddress;
  readonly callId: string;
  readonly cseq: CSeq;
  readonly body: Uint8Array;
}

export interface SipRequest extends Essentials {
  readonly kind: "request";
  readonly method: string;
  readonly uri: Uri;
}

export interface SipResponse extends Essentials {
  readonly kind: "response";
  /** 100 to 699. */
  readonly status: number;
  readonly reason: string;
}

export type SipMessage = SipRequest | SipResponse;

/** A body and its type. */
export interface Content {
  /** The Content-Type, exactly as it will be written: `application/sdp`. */
  readonly type: string;
  readonly content: string | Uint8Array;
}

export type HeaderEntry = readonly [name: string, value: string];

/** The body as text; undefined when it is no UTF-8. */
export function bodyText(message: SipMessage): string | undefined {
  return decodeText(message.body);
}

/** `application/sdp` of `Content-Type: application/SDP; charset=…`; undefined without a Content-Type. */
export function contentType(message: SipMessage): string | undefined {
  const value = message.headers.get("Content-Type");
  return value === undefined ? undefined : (value.split(";", 1)[0] ?? "").trim().toLowerCase();
}

export function fromTag(message: SipMessage): string | undefined {
  return message.from.parameters.get("tag");
}

export function toTag(message: SipMessage): string | undefined {
  return message.to.parameters.get("tag");
}

/** The addresses of a header. Undefined when a value is not an address, empty when there is no such header. */
export function addresses(message: SipMessage, name: string): NameAddress[] | undefined {
  const found: NameAddress[] = [];
  for (const value of message.headers.values(name)) {
    const address = parseNameAddress(value);
    if (address === undefined) return undefined;
    found.push(address);
  }
  return found;
}

/** The first Contact, if it is an address and not `*`. */
export function contact(message: SipMessage): NameAddress | undefined {
  const [first] = message.headers.values("Contact");
  return first === undefined ? undefined : parseNameAddress(first);
}

/** The number in a header such as Expires or Max-Forwards: below 2³². Undefined for anything else. */
export function headerNumber(message: SipMessage, name: string): number | undefined {
  return parseCount(message.headers.get(name));
}

export interface RequestParts {
  readonly method: string;
  readonly uri: Uri;
  readonly via: Via;
  readonly from: NameAddress;
  readonly to: NameAddress;
  readonly callId: string;
  /** The sequence number of the CSeq. */
  readonly sequence: number;
  /** Default 70. */
  readonly maxForwards?: number;
  readonly headers?: Iterable<HeaderEntry>;
  readonly body?: Content;
}

/** A new request. */
export function makeRequest(parts: RequestParts): SipRequest {
  const { method, uri, via, from, to, callId, sequence } = parts;
  const headers = new Headers();
  headers.add("Via", formatVia(via));
  headers.add("Max-Forwards", String(parts.maxForwards ?? 70));
  headers.add("From", formatNameAddress(from));
  headers.add("To", formatNameAddress(to));
  headers.add("Call-ID", callId);
  headers.add("CSeq", `${sequence} ${method}`);
  for (const [name, value] of parts.headers ?? []) headers.add(name, value);
  const body = addBody(headers, parts.body);
  return { kind: "request", method, uri, headers, via, from, to, callId, cseq: { sequence, method }, body };
}

export interface ResponseParts {
  /** Default: the usual phrase of the status. */
  readonly reason?: string;
  /** The To tag, for a request without one. A 100 gets none. */
  readonly toTag?: string;
  readonly headers?: Iterable<HeaderEntry>;
  readonly body?: Content;
}

/**
 * Makes the response to a request: with its Vias, From, To, Call-ID and CSeq (RFC 3261 §8.2.6), with the Record-Routes if it makes
 * a dialog (§12.1.1), and with the Timestamp in a 100.
 */
export function makeResponse(request: SipRequest, status: number, parts: ResponseParts = {}): SipResponse {
  const { via, from, callId, cseq } = request;
  const tagged = parts.toTag !== undefined && status > 100 && toTag(request) === undefined;
  const to = tagged ? withTag(request.to, parts.toTag) : request.to;
  const headers = new Headers();
  for (const line of request.headers.lines("Via")) headers.add("Via", line);
  headers.add("From", request.headers.get("From") ?? formatNameAddress(from));
  headers.add("To", tagged ? formatNameAddress(to) : (request.headers.get("To") ?? formatNameAddress(to)));
  headers.add("Call-ID", callId);
  headers.add("CSeq", `${cseq.sequence} ${cseq.method}`);
  const timestamp = status === 100 ? request.headers.get("Timestamp") : undefined;
  if (timestamp !== undefined) headers.add("Timestamp", timestamp);
  if (status > 100 && status < 300)
    for (const line of request.headers.lines("Record-Route")) headers.add("Record-Route", line);
  for (const [name, value] of parts.headers ?? []) headers.add(name, value);
  const body = addBody(headers, parts.body);
  const reason = parts.reason ?? reasonPhrase(status);
  return { kind: "response", status, reason, headers, via, from, to, callId, cseq, body };
}

/** Adds the source of a request to its topmost Via, as transports must (RFC 3261 §18.2.1, RFC 3581 §4). */
export function withReceived(request: SipRequest, address: string, port: number): SipRequest {
  const parameters = new Map(request.via.parameters);
  parameters.set("received", address);
  if (parameters.has("rport")) parameters.set("rport", String(port));
  const via = { ...request.via, parameters };
  const headers = new Headers();
  let first = true;
  for (const [name, value] of request.headers) {
    if (name !== "Via" || !first) headers.add(name, value);
    else {
      const [, ...others] = splitValues(value);
      headers.add("Via", [formatVia(via), ...others].join(", "));
      first = false;
    }
  }
  return { ...request, via, headers };
}

function addBody(headers: Headers, body: Content | undefined): Uint8Array {
  if (body === undefined) return noBody;
  headers.add("Content-Type", body.type);
  return typeof body.content === "string" ? encodeText(body.content) : body.content;
}

const noBody = new Uint8Array(0);
