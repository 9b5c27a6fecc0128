import type { WireReason } from "../protocol/end-reasons.ts";
import type { Stats } from "../protocol/values.ts";
import type { SessionKind } from "../signaling/events.ts";

/** The server's lifeline in a ladder. Devices have `user/device`. */
export const serverParty = "server";
/** That of the embedded TURN server. */
export const turnParty = "turn";
/** Who places a call by the API. */
export const applicationParty = "application";

/** One media section of a description. */
export interface MediaLine {
  readonly kind: string;
  /** `rejected`: its port is 0. */
  readonly direction: "sendrecv" | "sendonly" | "recvonly" | "inactive" | "rejected";
  /** Names of its codecs, without those of retransmission and repair. */
  readonly codecs: readonly string[];
}

/** What of a description is kept. */
export interface DescriptionSum {
  readonly type: string;
  readonly media: readonly MediaLine[];
  /** How the certificate's fingerprint begins, such as `SHA-256 3F:…`; only where a device sent it. */
  readonly fingerprint?: string;
}

/** One message of a session. */
export interface LadderRow {
  /** ms since the session began. */
  readonly at: number;
  /** `server`, `user/device`, `application`, `hook`, `push`, `turn`, or a gateway by its name, such as `sip`: that speaks with the device in its own words. */
  readonly from: string;
  readonly to: string;
  /** The type of the request or push; at gateways the protocol's own word, such as `INVITE` or `180`. */
  readonly type: string;
  /** Bytes of what it carries: descriptions, candidates, data. Not the frame around it. */
  readonly bytes?: number;
  /** `ok` or an error code. Absent on what needs no reply, and while there is none yet. */
  outcome?: string;
  readonly pair?: number;
  readonly description?: DescriptionSum;
  /** How many candidates of each type and transport, such as `host/udp`. */
  readonly candidates?: Readonly<Record<string, number>>;
  /** The sender has no more candidates. */
  readonly lastCandidates?: true;
  /** The state that a `report` tells. */
  readonly state?: string;
  /** A reason, a detail, the other device. */
  readonly note?: string;
  /** The description or the candidates themselves, redacted; only where the settings keep them. */
  readonly text?: string;
}

/** Statistics that say how bad it became. */
export interface WorstQuality {
  rtt?: number;
  jitter?: number;
  lossIn?: number;
  lossOut?: number;
}

/** A device's part in a session. Times are Unix ms. */
export interface RecordLeg {
  readonly user: string;
  readonly device: string;
  side: "caller" | "callee";
  /** `native`, or the name of a gateway. */
  readonly protocol: string;
  readonly kind?: string;
  rungAt?: number;
  alertingAt?: number;
  acceptedAt?: number;
  connectedAt?: number;
  endedAt?: number;
  /** Why its part ended: `answered_elsewhere` beside another device's answer. */
  reason?: string;
  /** True: no person said so. */
  automatic?: true;
  /** States of its connection, in order, each change once. At most 32. */
  readonly states: string[];
  /** Its last report, and the worst of each value. */
  last?: Stats;
  /** When that came. */
  lastAt?: number;
  readonly worst: WorstQuality;
}

/** What is kept of a session, and shown of one that lives. Times are Unix ms. */
export interface CallRecord {
  readonly session: string;
  readonly node: string;
  readonly kind: SessionKind;
  /** `refused`: it never became a session. */
  state: "ringing" | "active" | "ended" | "refused";
  readonly caller: { readonly user: string; readonly device: string };
  callee: { readonly user: string; readonly device?: string };
  readonly room?: string;
  /** The application has placed the call between these two: the party that rang first. */
  readonly placed?: "from" | "to";
  readonly startedAt: number;
  ringingAt?: number;
  acceptedAt?: number;
  connectedAt?: number;
  endedAt?: number;
  reason?: WireReason | string;
  by?: { readonly user: string; readonly device: string };
  readonly legs: RecordLeg[];
  readonly moves: {
    readonly at: number;
    readonly user: string;
    readonly from: string;
    readonly to: string;
  }[];
  restarts: number;
  readonly ladder: readonly LadderRow[];
  /** Rows that did not fit, from the middle of the ladder. */
  skippedRows: number;
}
