import type { AudioFormat } from "./sample-format.ts";

export const opusFormat: AudioFormat = {
  kind: "audio",
  codec: "opus",
  channels: 2,
  configuration: new Uint8Array(),
  name: "opus",
};

/** Samples of 48 kHz of a frame, by the configuration in the first byte (RFC 6716 §3.1). */
function frameSamples(toc: number): number {
  const configuration = toc >>> 3;
  if (configuration < 12) return [480, 960, 1_920, 2_880][configuration & 3] ?? 960;
  if (configuration < 16) return (configuration & 1) === 0 ? 480 : 960;
  return [120, 240, 480, 960][configuration & 3] ?? 960;
}

/** How many samples of 48 kHz a packet has (RFC 6716 §3.2); undefined for a malformed one, or one of more than 120 ms. */
export function opusSamples(packet: Uint8Array): number | undefined {
  const [toc, second] = packet;
  if (toc === undefined) return undefined;
  const code = toc & 3;
  const frames = code === 0 ? 1 : code < 3 ? 2 : (second ?? 0) & 0x3f;
  const samples = frames * frameSamples(toc);
  return samples === 0 || samples > 5_760 ? undefined : samples;
}

/** A packet without sound data, in place of one that was lost: decoders conceal it. */
export function opusGap(toc: number): { readonly data: Uint8Array; readonly samples: number } {
  return { data: Uint8Array.of(toc & 0xfc), samples: frameSamples(toc) };
}
