import type { WireError } from "../protocol/error-codes.ts";
import type { MediaWanted } from "../protocol/values.ts";
import type { RingStep } from "./session/ring-plan.ts";

/** Requests that a policy may decide. */
export const askedRequests = ["call", "join", "publish", "view", "send", "watch"] as const;
export type AskedRequest = (typeof askedRequests)[number];

/** A request that waits for a decision. Its grants cover it already. */
export interface PolicyQuestion {
  readonly request: AskedRequest;
  /** Who asks. Clients of WHIP and WHEP may have no device. */
  readonly user: string;
  readonly device?: string;
  readonly kind?: string;
  readonly guest: boolean;
  /** The protocol of the device, such as `sip`; absent for the native one. */
  readonly gateway?: string;
  /** What is asked for: a user or a device, `room:NAME` or `stream:NAME`. Absent for `watch`. */
  readonly to?: string;
  /** Of `watch`. */
  readonly users?: readonly string[];
  readonly streams?: readonly string[];
  /** Of `call`. */
  readonly media?: MediaWanted;
  /** `data` of `call` and `join`, `body` of `send`. */
  readonly data?: unknown;
}

export interface Permission {
  readonly allow: true;
  /** Of `call`: rings this user or device instead. The caller's grants need not cover it. */
  readonly to?: string;
  /** Of `call`: rings these in turn instead. */
  readonly plan?: readonly RingStep[];
  /** Of `call` and `join`: takes the place of the request's data. */
  readonly data?: unknown;
  /** The policy had no answer, and lets in all the same. */
  readonly failed?: true;
}

export type PolicyDecision =
  | Permission
  /** `failed`: the policy had no answer. */
  | { readonly allow: false; readonly error: WireError; readonly failed?: true };

/** A ring that finds no device of its target online. */
export interface WakeQuestion {
  readonly session: string;
  readonly user: string;
  /** The only device that is rung, where the call names one. */
  readonly device: string | undefined;
  readonly from: { readonly user: string; readonly device: string };
  /** How long it rings, if somebody may come. ms */
  readonly expires: number;
}

/** What the application decides, beyond the grants of tokens. It may answer at once or later, and must not throw. */
export interface Policy {
  /** Without an answer within so many ms a request fails as `temporary`. */
  readonly within: number;
  /** The requests that it is asked about. */
  readonly asks: ReadonlySet<AskedRequest>;
  decide(question: PolicyQuestion, done: (decision: PolicyDecision, now: number) => void): void;
  /** Wakes the devices of a user who is rung and not there. `waits`: one may come, so that the ring goes on for its time. */
  wake?(question: WakeQuestion, done: (waits: boolean, now: number) => void): void;
}
