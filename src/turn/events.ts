import type { ClientTransport } from "./client.ts";
import type { PeerRule } from "./peer-policy.ts";

/** Why an allocation ended. */
export type EndReason = "expired" | "refreshed_to_zero" | "connection_closed" | "revoked" | "stopped";

/** An event for the log. It holds no credentials. */
export type TurnEvent =
  | {
      readonly type: "opened";
      readonly user: string;
      readonly transport: ClientTransport;
      readonly relays: readonly string[];
    }
  | {
      readonly type: "closed";
      readonly user: string;
      readonly reason: EndReason;
      /** ms */
      readonly age: number;
      readonly bytes: number;
    }
  /**
   * A relay was refused: with 401 to credentials that are wrong or expired, with 486 or 508 for want of quota or ports. `isProven` is false
   * with 401: anybody may have named that user.
   */
  | { readonly type: "refused"; readonly user: string; readonly code: number; readonly isProven: boolean }
  /** The policy denied a peer; `peer` is its address. */
  | { readonly type: "denied"; readonly user: string; readonly peer: string; readonly rule: PeerRule };
