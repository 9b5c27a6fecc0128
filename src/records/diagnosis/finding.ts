/** How sure a finding is. `likely`: the rows fit this cause best, but another one would leave the same rows. */
type Certainty = "certain" | "likely" | "unknown";

/** What a diagnosis says: one cause, or one thing that went wrong on the way. */
export interface Finding {
  /** Stable: a program may depend on it. docs/diagnosis.md lists all of them. */
  readonly code: string;
  readonly certainty: Certainty;
  /** One or two sentences for people, with the names of the devices. */
  readonly text: string;
  /** What to do about it. */
  readonly advice: string;
  /** Indexes of the rows of the ladder that prove it. */
  readonly rows: readonly number[];
}

/** What a cause found in a record. */
export interface Found {
  readonly certainty: Certainty;
  readonly text: string;
  readonly rows?: readonly number[];
  /** It is worth telling, and not what the session came to. */
  readonly beside?: true;
}

/** A cause that a diagnosis knows. */
export interface Cause {
  readonly code: string;
  /** What it means, for the documentation. */
  readonly meaning: string;
  /** What in a record proves it, for the documentation. */
  readonly proof: string;
  readonly advice: string;
}
