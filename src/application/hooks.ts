import type { TokenGrants } from "./create-token.ts";

/** What hooks are asked and what they answer, as functions and over HTTP: docs/hooks.md. */

/** A token, as a client has brought it. */
export interface AuthenticateQuestion {
  readonly token: string;
}

/** Who a token speaks for. */
export interface AuthenticateIdentity {
  readonly user: string;
  /** The only device that may use the token. */
  readonly device?: string;
  /** What the user may do; without it nothing but to reach the user's own devices. */
  readonly grants?: TokenGrants;
  /** Anybody may get such a token: its relays are bounded more tightly. */
  readonly guest?: boolean;
  /** How long the identity counts, ms. Default: an hour. The client is then asked for another token. */
  readonly expiresIn?: number;
  /** When the token was issued, Unix ms: a kick refuses those from before it. Without it a kick keeps the user out for a while. */
  readonly issuedAt?: number;
}

/** Null: the token is none of the application's. Then the keys of the setting `tokens` decide, where there are any. */
export type AuthenticateAnswer = AuthenticateIdentity | null;

/** A request that waits for the application's decision. The grants of the token cover it already. */
export interface AuthorizeQuestion {
  readonly type: "call" | "join" | "publish" | "view" | "send" | "watch";
  readonly from: {
    readonly user: string;
    /** Clients of WHIP and WHEP may have none. */
    readonly device?: string;
    readonly kind?: string;
    readonly guest: boolean;
    /** The protocol of the device, such as `sip` or `whip`; absent for the native one. */
    readonly gateway?: string;
  };
  /** What is asked for: `bob`, `bob/phone`, `room:NAME` or `stream:NAME`. Absent for `watch`. */
  readonly to?: string;
  /** Whom and which streams a `watch` names. */
  readonly users?: readonly string[];
  readonly streams?: readonly string[];
  /** What a `call` is for. */
  readonly media?: { readonly audio?: boolean; readonly video?: boolean; readonly data?: boolean };
  /** The application's own data of a `call` or `join`, or the body of a `send`. */
  readonly data?: unknown;
}

/** One step of a ring plan. */
export interface PlanStep {
  /** Users or devices, such as `bob` or `carol/desk`. */
  readonly ring: string | readonly string[];
  /** How long it rings, ms; with `in-turn` and `least-busy` each of them. */
  readonly for: number;
  /** `all` together (default), one after the other `in-turn`, or the same with the `least-busy` first. */
  readonly group?: "all" | "in-turn" | "least-busy";
}

/**
 * Yes, no, or more than that. A call may ring another target (`to`) or a plan (`ring`, or the list of its steps alone), and `data` takes
 * the place of what a `call` or `join` brought.
 */
export type AuthorizeAnswer =
  | boolean
  | readonly PlanStep[]
  | { readonly allow: false; readonly reason?: string; readonly retryAfter?: number }
  | {
      readonly allow?: true;
      readonly to?: string;
      readonly ring?: readonly PlanStep[];
      readonly data?: unknown;
    };

/** A call that rings a user of whom no device is online. */
export interface WakeQuestion {
  readonly session: string;
  readonly user: string;
  /** The only device that is called, where the call names one. */
  readonly device?: string;
  readonly from: { readonly user: string; readonly device: string };
  /** How long it rings from now on, ms. */
  readonly expires: number;
}

/** True: a device was woken and may come. The call rings on for it. */
export type WakeAnswer = boolean;
