import type { Push } from "../protocol/pushes.ts";
import type { ReplyOf } from "../protocol/replies.ts";
import type { RequestOf, RequestType } from "../protocol/requests.ts";
import type { Call, Ended, Peer, Rtc } from "./api.ts";
import type { AskOptions } from "./connection.ts";

/** What calls, rings and rooms need of their client. */
export interface Hub {
  readonly self: Peer | undefined;
  readonly online: boolean;
  readonly rtc: Pick<Rtc, "MediaStream">;
  ask<T extends RequestType>(
    type: T,
    fields: Omit<RequestOf<T>, "id" | "type">,
    options?: AskOptions<T>,
  ): Promise<ReplyOf<T>>;
  /** A connection with the ICE servers of now. */
  peerConnection(call: Call): RTCPeerConnection;
  /** The session is this object's from now on. */
  enter(id: string, session: Session): void;
  /** The session's object is done with it. */
  leave(id: string, session: Session): void;
  /** A call begins to count, a call or ring no longer does. */
  began(call: Call): void;
  done(session: Session): void;
  log(level: "debug" | "info" | "warn", text: string, data?: object): void;
}

/** Whoever holds a leg of a session: a call or a ring. */
export interface Session {
  readonly ticket: string | undefined;
  /** A reload may find it again: not a ring that only rings. */
  readonly lasting: boolean;
  push(push: Push): void;
  /** The session is over, whoever says so. */
  over(ended: Ended): void;
  /** Either link to the server went up or down, or the ICE servers are new. */
  refresh(): void;
}
