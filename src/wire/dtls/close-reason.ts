import { alertName } from "./alert.ts";
import type { FailureReason } from "./failure.ts";

/** Why a session has ended. */
export type CloseReason =
  /** `close` was called. */
  | { readonly kind: "local" }
  | { readonly kind: "closeNotify" }
  /** The peer sent a fatal alert, authenticated. */
  | { readonly kind: "alert"; readonly alert: number }
  /** The peer's messages were wrong. */
  | { readonly kind: "failure"; readonly failure: FailureReason }
  /**
   * The handshake was not complete in time. `failure` is the last that was wrong with a message, and `alert` the last one received in the
   * clear: anybody may have forged either, but mostly they tell why.
   */
  | {
      readonly kind: "timeout";
      readonly failure: FailureReason | undefined;
      readonly alert: number | undefined;
    };

/** For logs, in a few words. */
export function describeClose(reason: CloseReason): string {
  if (reason.kind === "local") return "closed";
  if (reason.kind === "closeNotify") return "closed by the peer";
  if (reason.kind === "alert") return `the peer sent the alert ${alertName(reason.alert)}`;
  if (reason.kind === "failure") return `the handshake failed: ${reason.failure}`;
  const parts = ["the handshake timed out"];
  if (reason.failure !== undefined) parts.push(`last failure: ${reason.failure}`);
  if (reason.alert !== undefined) parts.push(`the peer sent ${alertName(reason.alert)}`);
  return parts.join("; ");
}
