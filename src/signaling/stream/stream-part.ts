/** What a device does with a stream. */
export type StreamRole = "publish" | "view";

/** Which stream a session carries, and which way. */
export interface StreamPart {
  readonly name: string;
  readonly role: StreamRole;
  /** Its client is a device that is in no directory: it counts against no limit of the protocol. */
  readonly unlisted: boolean;
}
