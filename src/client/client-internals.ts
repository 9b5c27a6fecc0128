import type { Push } from "../protocol/pushes.ts";
import type { ReplyOf } from "../protocol/replies.ts";
import type { RequestOf, RequestType } from "../protocol/requests.ts";
import type { Call, Cancel, Client, Ended, Peer } from "./api.ts";

/** A request's fields. Undefined ones are left out on the wire. */
export type Fields<T extends RequestType> = Loose<Omit<RequestOf<T>, "id" | "type">>;
type Loose<X> = { [K in keyof X]: Partial<Pick<X, K>> extends Pick<X, K> ? X[K] | undefined : X[K] };

export interface AskOptions<T extends RequestType> extends Cancel {
  /** Asking twice does no more than asking once. */
  readonly repeat?: boolean;
  /** Called with the reply before any later frame is looked at; the promise settles a little later. */
  done?(reply: ReplyOf<T>): void;
}

/** What calls, rings and rooms need of their client. */
export interface ClientInternals {
  readonly self: Peer | undefined;
  readonly state: Client["state"];
  readonly sessions: Sessions;
  /** Asks the server; waits while there is no link. */
  ask<T extends RequestType>(type: T, fields: Fields<T>, options?: AskOptions<T>): Promise<ReplyOf<T>>;
  /** Tells the server something that may be said twice. A refusal is logged and no more: there is nothing to be done. */
  say<T extends RequestType>(type: T, fields: Fields<T>): Promise<void>;
  /** A stream of the WebRTC in use. Throws `unsupported` where there is none. */
  newStream(): MediaStream;
  /** A connection with the ICE servers of now. */
  newPeerConnection(call: Call): RTCPeerConnection;
  log(level: "debug" | "info" | "warn", text: string, data?: object): void;
}

/** The client's sessions, as calls and rings see them. */
export interface Sessions {
  /** The session is this object's from now on. */
  enter(id: string, session: Session): void;
  /** This object is done with the session. */
  leave(id: string | undefined, session: Session): void;
  /** A call begins to count. */
  began(call: Call): void;
  /** A call or ring is over. */
  done(session: Session): void;
}

/** What holds a leg of a session: a call or a ring. */
export interface Session {
  /** The newest of any frame of the session. */
  ticket?: string | undefined;
  /** A reload may find it again: not a ring that only rings. */
  readonly lasting: boolean;
  push(push: Push): void;
  /** The session is over, whoever says so. */
  over(ended: Ended): void;
}
