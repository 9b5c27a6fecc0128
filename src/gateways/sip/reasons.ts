import type { WireReason } from "../../protocol/end-reasons.ts";
import type { WireError } from "../../protocol/error-codes.ts";

/** A refusal or an end: a status, and the value of a Reason header (RFC 3326). */
export interface Refusal {
  readonly status: number;
  readonly reason?: string;
  /** Seconds. */
  readonly retryAfter?: number;
}

/** The response to a caller whose call was not answered. */
export function refusalOf(reason: WireReason): Refusal {
  switch (reason) {
    case "declined":
    case "declined_elsewhere":
      return { status: 603 };
    case "busy":
      return { status: 486 };
    case "no_answer":
      return { status: 480, reason: 'SIP;cause=408;text="Request Timeout"' };
    case "cancelled":
    case "merged":
      return { status: 487 };
    case "incompatible":
      return { status: 488 };
    case "forbidden":
      return { status: 403 };
    case "unconfirmed":
    case "failed":
      return { status: 500 };
    default:
      return { status: 480 };
  }
}

/** The Reason of a CANCEL or BYE: why a ring or a call ended. */
export function reasonHeader(reason: WireReason): string | undefined {
  switch (reason) {
    case "answered_elsewhere":
      return 'SIP;cause=200;text="Call completed elsewhere"';
    case "declined_elsewhere":
      return 'SIP;cause=603;text="Declined elsewhere"';
    case "moved":
      return 'SIP;cause=200;text="Moved to another device"';
    case "no_answer":
      return 'SIP;cause=408;text="Request Timeout"';
    case "failed":
      return 'SIP;cause=408;text="RTP Timeout"';
    case "lost":
      return 'SIP;cause=408;text="Signaling lost"';
    case "cancelled":
      return 'SIP;cause=487;text="Request Terminated"';
    default:
      return undefined;
  }
}

/** The response to a caller whose call could not begin. */
export function refusalOfError({ code, retryAfter }: WireError): Refusal {
  switch (code) {
    case "forbidden":
      return { status: 403 };
    case "bad_request":
      return { status: 404 };
    case "too_large":
      return { status: 413 };
    case "too_many_rings":
    case "too_many_sessions":
      return { status: 486 };
    case "rate_limited":
      return { status: 503, retryAfter: Math.max(1, Math.ceil((retryAfter ?? 1_000) / 1_000)) };
    case "temporary":
      return { status: 503, retryAfter: 2 };
    case "candidates_before_accept":
      return { status: 488 };
    default:
      return { status: 500 };
  }
}

/** What a phone sends when its person refuses: 480 of JsSIP and SIP.js, busy, decline, 607 Unwanted (RFC 8197). */
const refusedByPerson: ReadonlySet<number> = new Set([480, 486, 600, 603, 607]);

/** The request for a phone's refusal. JsSIP and SIP.js decline with 480, which ends only that leg. */
export function declineOf(status: number): {
  readonly reason: "declined" | "busy" | "incompatible";
  readonly everywhere: boolean;
  readonly automatic: boolean;
} {
  const incompatible = [406, 415, 488, 606].includes(status);
  const reason = status === 600 || status === 486 ? "busy" : incompatible ? "incompatible" : "declined";
  return { reason, everywhere: status >= 600, automatic: !refusedByPerson.has(status) };
}
