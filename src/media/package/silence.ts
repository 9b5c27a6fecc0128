import { aacSamples } from "./adts.ts";
import type { AudioFormat } from "./sample-format.ts";

/** An empty channel pair of AAC-LC (ISO/IEC 14496-3 §4.4.2.1), and 20 ms of CELT whose first bits say that there is nothing (RFC 6716 §4.3). */
const aacStereo = Uint8Array.of(0x21, 0x00, 0x49, 0x90, 0x02, 0x19, 0x00, 0x23, 0x80);
const opus = Uint8Array.of(0xf8, 0xff, 0xfe);

/** A frame in which nothing is heard, and its length in samples of 48 kHz. Undefined for AAC of other than two channels. */
export function silence({
  codec,
  channels,
}: AudioFormat): { readonly data: Uint8Array; readonly samples: number } | undefined {
  if (codec === "opus") return { data: opus, samples: 960 };
  return channels === 2 ? { data: aacStereo, samples: aacSamples } : undefined;
}
