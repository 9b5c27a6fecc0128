import type { Push } from "../protocol/pushes.ts";
import type { ReplyOf } from "../protocol/replies.ts";
import type { RequestOf, RequestType } from "../protocol/requests.ts";
import type { Call, Cancel, Client, Ended, Peer } from "./api.ts";

/** A request's fields. Undefined ones are not sent. */
export type Fields<T extends RequestType> = Loose<Omit<RequestOf<T>, "id" | "type">>;
type Loose<X> = { [K in keyof X]: Partial<Pick<X, K>> extends Pick<X, K> ? X[K] | undefined : X[K] };

export interface AskOptions<T extends RequestType> extends Cancel {
  /** The request is idempotent: it is sent again on a new link. */
  readonly repeat?: boolean;
  /** Called with the reply before any later frame is handled. The promise settles a little later. */
  done?(reply: ReplyOf<T>): void;
}

/** What calls, rings and rooms need of their client. */
export interface ClientInternals {
  readonly self: Peer | undefined;
  readonly state: Client["state"];
  readonly sessions: Sessions;
  /** The server relays refusals of offers. */
  readonly refuses: boolean;
  /** Asks the server; waits while there is no link. */
  ask<T extends RequestType>(type: T, fields: Fields<T>, options?: AskOptions<T>): Promise<ReplyOf<T>>;
  /** Sends an idempotent request of which nobody needs the reply. A refusal is only logged. */
  say<T extends RequestType>(type: T, fields: Fields<T>): Promise<void>;
  /** A new stream. Throws `unsupported` on a platform without WebRTC. */
  newStream(): MediaStream;
  /**
   * A new connection with the current ICE servers. `bundles`: by the policy `max-bundle`. Else `balanced`, for whoever may not bundle: at the
   * end that answers, and for an offer to such a device.
   */
  newPeerConnection(call: Call, bundles: boolean | undefined): RTCPeerConnection;
  log(level: "debug" | "info" | "warn", text: string, data?: object): void;
}

/** The client's sessions, as calls and rings see them. */
export interface Sessions {
  /** The session is this object's from now on. */
  enter(id: string, session: Session): void;
  /** This object is done with the session. */
  leave(id: string | undefined, session: Session): void;
  /** A call began: it counts as one of the client's calls. */
  began(call: Call): void;
  /** A call or ring is over. */
  done(session: Session): void;
}

/** What holds a leg of a session: a call or a ring. */
export interface Session {
  /** The newest ticket that a frame of the session brought. */
  ticket?: string | undefined;
  /** Whether a reloaded page can continue the session: not while it only rings here. */
  readonly lasting: boolean;
  push(push: Push): void;
  /** Ends the call or ring at this end. */
  over(ended: Ended): void;
  /** The server knows nothing of the session. True when it goes on all the same: media flows directly between the two ends. */
  forgotten?(): boolean;
}
