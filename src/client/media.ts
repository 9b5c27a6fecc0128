import type { Cancel, LocalMedia, Media } from "./api.ts";
import { abortable } from "./error.ts";
import type { SourceMedia } from "./local-media.ts";

/**
 * Opens camera and microphone; without constraints, those that exist, which may be none. A stream of your own is used as it is, and
 * never stopped. Rejects with `media_denied`, `media_missing`, `media_busy`, `insecure_context` or `unsupported`.
 */
export function capture(
  what?: MediaStreamConstraints | MediaStream,
  { signal }: Cancel = {},
): Promise<LocalMedia> {
  return open(what, signal);
}

/** Opens the media of a call as `media` says. `owned`: the call closes it. @internal */
export async function resolveMedia(
  media: Media | undefined,
  signal: AbortSignal | undefined,
): Promise<{ media: SourceMedia | undefined; owned: boolean }> {
  signal?.throwIfAborted();
  if (media && "muted" in media) return { media: media as SourceMedia, owned: false };
  // Node and Bun have no devices to open, and neither has an insecure page.
  if (media === false || (!media && !globalThis.navigator?.mediaDevices))
    return { media: undefined, owned: false };
  return { media: await open(media, signal), owned: true };
}

/** The code for cameras and screens is loaded for the first of them: not every page opens one. */
function open(
  what: MediaStreamConstraints | MediaStream | undefined,
  signal: AbortSignal | undefined,
): Promise<SourceMedia> {
  const opening = import("./local-media.ts").then(({ openMedia }) => openMedia(what, signal));
  return abortable(opening, signal);
}
