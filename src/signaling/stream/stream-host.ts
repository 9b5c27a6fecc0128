import type { WireError } from "../../protocol/error-codes.ts";
import type { PushBody } from "../../protocol/pushes.ts";
import type { RequestOf } from "../../protocol/requests.ts";
import type { StreamLayer } from "../../protocol/values.ts";
import type { StreamRole } from "./stream-part.ts";
import type { StreamSession } from "./stream-session.ts";

/** What a viewer wants at most; without a field there is no limit of that kind. */
export type LayerWish = Omit<RequestOf<"layer">, "id" | "type" | "session">;

/** What watchers of a stream are told. */
export interface StreamState {
  readonly live: boolean;
  readonly viewers: number;
  readonly layers: readonly StreamLayer[];
}

/** The media server's end of one session. */
export interface StreamEnd {
  /**
   * Hears what the session says to this end: `session` first, then `signal`, `restart`, `peer`, `resync`, and `ended` last, whoever
   * has ended it; unless this end has refused the first offer. Must neither throw nor call the core before it returns.
   */
  deliver(push: PushBody, now: number): void;
  /** The client, a viewer, wants at most this of the video. */
  prefer?(wish: LayerWish, now: number): void;
}

/** The media server of this node, as the core asks it. */
export interface StreamHost {
  /** Why the request can't be granted now: the stream isn't live, is taken, or there is no room. Undefined: it can. */
  refusal(role: StreamRole, stream: string): WireError | undefined;
  /** True where anybody may view the stream, without a grant. */
  isPublic(stream: string): boolean;
  /** Undefined for a stream that isn't live and isn't waited for. */
  stream(name: string): StreamState | undefined;
  /** A native device publishes or views. Answers the media server's end of the session, which is active next. */
  begin(session: StreamSession, now: number): StreamEnd;
}
