/** Reasons of XEP-0166 §7.4 for a session, or one of its contents, that can't be. */
type FaultReason =
  | "failed-application"
  | "incompatible-parameters"
  | "security-error"
  | "unsupported-applications"
  | "unsupported-transports";

/**
 * Why something that a client sent makes no description. `bad-request`: it breaks the syntax, and is answered with that stanza error.
 * Anything else is a reason of XEP-0166.
 */
export interface JingleFault {
  readonly reason: FaultReason | "bad-request";
  /** For logs and developers. */
  readonly text: string;
}

export function fault(reason: JingleFault["reason"], text: string): JingleFault {
  return { reason, text };
}
