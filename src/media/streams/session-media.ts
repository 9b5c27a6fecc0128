import type { MediaPeer } from "./media-peer.ts";
import type { MediaStreams } from "./media-streams.ts";

/** The media server as sessions use it: that of this process, or of another one of this machine. */
export type SessionMedia = Pick<
  MediaStreams,
  "refusal" | "stream" | "publish" | "view" | "restart" | "prefer" | "close" | "lose" | "endLate" | "listen"
>;

/** A peer as its session sees it. */
export interface SessionPeer extends Pick<MediaPeer, "id" | "role" | "identity"> {
  readonly stream: { readonly name: string };
}
