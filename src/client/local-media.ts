import type { LocalMedia } from "./api.ts";
import { SwitchboardError } from "./error.ts";
import type { Cancel } from "./live.ts";

/**
 * Opens camera and microphone. Nothing given: what exists, which may be nothing. A stream of your own is taken as it is.
 * Rejects with `media_denied`, `media_missing`, `media_busy`, `insecure_context` or `unsupported`.
 */
export async function capture(
  _what?: MediaStreamConstraints | MediaStream,
  _options?: Cancel,
): Promise<LocalMedia> {
  throw new SwitchboardError("unsupported", "under construction");
}
