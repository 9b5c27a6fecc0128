/** Parameter sets of Chromium's OpenH264, for 320 × 240. */
export const sps = Uint8Array.from(Buffer.from("6742c0158c8d40a0f9350606060784423500", "hex"));
export const pps = Uint8Array.from(Buffer.from("68ce3c80", "hex"));

/** The payloads of a picture in RTP: parameter sets in one packet, the slice in fragments (RFC 6184 §5.7, §5.8). */
export function keyframePayloads(bytes = 300): Uint8Array[] {
  const stap = Uint8Array.of(0x78, 0, sps.length, ...sps, 0, pps.length, ...pps);
  return [stap, ...fragments(0x65, bytes)];
}

/** A slice that depends on others, as one packet. */
export function slicePayloads(bytes = 100): Uint8Array[] {
  return [Uint8Array.of(0x41, ...filled(bytes))];
}

function fragments(header: number, bytes: number): Uint8Array[] {
  const [indicator, type] = [(header & 0xe0) | 28, header & 0x1f];
  const half = Math.ceil(bytes / 2);
  return [
    Uint8Array.of(indicator, 0x80 | type, ...filled(half)),
    Uint8Array.of(indicator, 0x40 | type, ...filled(bytes - half)),
  ];
}

function filled(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => (at * 7 + 1) & 0xff);
}
