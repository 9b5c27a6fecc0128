import { errorCode } from "../wire/stun/error-code.ts";
import type { MessageWriter } from "../wire/stun/writer.ts";
import type { Rule } from "./stats.ts";

/** Why an authenticated request is refused. */
export interface Failure {
  readonly code: number;
  readonly rule: Rule;
  /** Types of UNKNOWN-ATTRIBUTES, with 420. */
  readonly unknown?: readonly number[];
}

/** An answer of success, a failure, or undefined: the answer comes later, or never. */
export type Outcome = MessageWriter | Failure | undefined;

/** The failures without parameters. */
export const failures = {
  badRequest: { code: errorCode.badRequest, rule: "bad_request" },
  allocationMismatch: { code: errorCode.allocationMismatch, rule: "allocation_mismatch" },
  wrongCredentials: { code: errorCode.wrongCredentials, rule: "wrong_credentials" },
  unsupportedTransport: { code: errorCode.unsupportedTransport, rule: "transport" },
  addressFamily: { code: errorCode.addressFamilyNotSupported, rule: "address_family" },
  peerAddressFamily: { code: errorCode.peerAddressFamilyMismatch, rule: "address_family" },
  noPort: { code: errorCode.insufficientCapacity, rule: "no_port" },
  reservation: { code: errorCode.insufficientCapacity, rule: "reservation" },
  permissions: { code: errorCode.insufficientCapacity, rule: "permissions" },
  channels: { code: errorCode.insufficientCapacity, rule: "channels" },
} as const satisfies Record<string, Failure>;
