/** What the doctor looked at, and what to do where it is not well. */
export interface Finding {
  readonly state: "ok" | "look" | "wrong";
  readonly text: string;
}
