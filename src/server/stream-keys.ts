import { streamKeyPrefix } from "../media/http/media-auth.ts";
import { isId } from "../protocol/address.ts";
import type { KeptKey, KeyKind } from "./key-file.ts";

/** A key that publishes one stream. */
export interface StreamKey extends KeptKey {
  /** The only stream that the key may publish. */
  readonly stream: string;
}

export const streamKeys: KeyKind<StreamKey> = {
  fileName: "stream-keys.json",
  words: "stream keys",
  prefix: streamKeyPrefix,
  check: (key): key is StreamKey & Record<string, unknown> =>
    typeof key.stream === "string" && isId(key.stream),
};
