/** A frame, as the SDK shows it. */
export type WireFrame = { readonly type?: string; readonly [field: string]: unknown };

/** A frame that went out or came in, `at` in ms of a clock that both ends of one machine share. */
export interface TimedFrame {
  readonly at: number;
  readonly out: boolean;
  readonly frame: WireFrame;
}

/** What the ladder is drawn from. */
export interface Frames {
  readonly me: string;
  readonly peer: string;
  /** The call that is shown. Undefined while there is none, or the server has not named it. */
  readonly session?: string;
  /** Frames before this moment belong to earlier calls. */
  readonly since: number;
  readonly near: readonly TimedFrame[];
  /** The same call as the far end saw it, when that is a tab of this browser. */
  readonly far: readonly TimedFrame[];
  /** Media is flowing. */
  readonly flowing?: boolean;
}

export const noFrames: Frames = { me: "you", peer: "", since: 0, near: [], far: [] };

export type PhaseName = "Find" | "Negotiate" | "Reset" | "Close";

/** A rung: a message between this end and the server, and its counterpart at the far end. */
export interface Row {
  readonly key: number;
  readonly out: boolean;
  readonly label: string;
  /** How the request ended: `✓ 8 ms`, `✗` or `anew`. */
  readonly mark?: string;
  readonly failed: boolean;
  readonly far?: FarHalf;
  readonly frames: readonly WireFrame[];
}

/** The far end's half of a rung. Without `ms` it was inferred, not seen. */
export interface FarHalf {
  readonly label: string;
  readonly ms?: number;
}

/** The path that media takes between the ends. */
export interface MediaPath {
  readonly relayed: boolean;
  /** Round trip in ms. */
  readonly delay?: number;
}

export interface Phase {
  readonly name: PhaseName;
  readonly sentence: string;
  readonly rows: readonly Row[];
  readonly media?: MediaPath;
}

export interface Ladder {
  readonly phases: readonly Phase[];
  /** How long the set-up took without the ringing; `server`: how much of that the server took, if both ends were seen. ms */
  readonly setUp?: { readonly ms: number; readonly server?: number };
  /** Both halves were seen. */
  readonly real: boolean;
}
