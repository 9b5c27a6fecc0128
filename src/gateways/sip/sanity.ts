import { contentType, type HeaderEntry, headerNumber, type SipRequest } from "./message.ts";
import { branchCookie } from "./via.ts";

/** What this server supports, as in Allow, Supported and Accept. */
export interface Abilities {
  readonly methods: readonly string[];
  /** Option tags that a request may require. */
  readonly extensions: readonly string[];
}

/** The response to a request that is refused. */
export interface Objection {
  readonly status: number;
  readonly headers: readonly HeaderEntry[];
}

const knownMethods: readonly string[] = [
  "INVITE",
  "ACK",
  "CANCEL",
  "BYE",
  "REGISTER",
  "OPTIONS",
  "PRACK",
  "SUBSCRIBE",
  "NOTIFY",
  "PUBLISH",
  "INFO",
  "REFER",
  "MESSAGE",
  "UPDATE",
];

/** Methods that are passed on to another device, and so could loop. */
const relayed: readonly string[] = ["INVITE", "MESSAGE", "SUBSCRIBE"];

/**
 * Checks a request before it is handled (RFC 3261 §8.2.1, §8.2.2). Answers what is wrong with it, if anything. ACKs are never
 * answered: drop those that are wrong.
 */
export function objection(request: SipRequest, abilities: Abilities): Objection | undefined {
  const { method, uri, to, via } = request;
  if (!abilities.methods.includes(method))
    return {
      status: knownMethods.includes(method) ? 405 : 501,
      headers: [["Allow", abilities.methods.join(", ")]],
    };
  // A branch that is only the cookie identifies no transaction (RFC 4475 §3.2.1).
  if (via.branch === branchCookie) return { status: 400, headers: [] };
  if (uri.scheme !== "sip" && uri.scheme !== "sips") return { status: 416, headers: [] };
  // Only SIP addresses can register (RFC 3261 §10.3).
  if (method === "REGISTER" && to.uri.scheme !== "sip" && to.uri.scheme !== "sips")
    return { status: 400, headers: [] };
  if (relayed.includes(method) && headerNumber(request, "Max-Forwards") === 0)
    return { status: 483, headers: [] };
  if (method === "ACK" || method === "CANCEL") return undefined;
  const unknown = request.headers
    .values("Require")
    .filter((tag) => !abilities.extensions.includes(tag.toLowerCase()));
  return unknown.length === 0 ? undefined : { status: 420, headers: [["Unsupported", unknown.join(", ")]] };
}

/** 415 for a body of another type than these, or with an encoding (RFC 3261 §8.2.3). Undefined for a request without a body. */
export function contentObjection(request: SipRequest, types: readonly string[]): Objection | undefined {
  if (request.body.length === 0) return undefined;
  const encodings = request.headers.values("Content-Encoding");
  if (encodings.some((encoding) => encoding.toLowerCase() !== "identity"))
    return { status: 415, headers: [["Accept-Encoding", "identity"]] };
  if (types.includes(contentType(request) ?? "")) return undefined;
  return { status: 415, headers: [["Accept", types.join(", ")]] };
}

/** 406 for a request whose Accept excludes a body of this type (RFC 3261 §20.1). */
export function acceptObjection(request: SipRequest, type: string): Objection | undefined {
  if (!request.headers.has("Accept")) return undefined;
  const ranges = [type, `${type.split("/")[0]}/*`, "*/*"];
  const accepted = request.headers.values("Accept").map((value) => (value.split(";", 1)[0] ?? "").trim());
  return accepted.some((range) => ranges.includes(range.toLowerCase()))
    ? undefined
    : { status: 406, headers: [] };
}
