import { readU16, writeU16 } from "../bytes.ts";

/** Bytes before the data of a ChannelData message (RFC 8656 §12.4): channel number and length. */
export const channelHeaderBytes = 4;

/** First bytes of a ChannelData message: RFC 8656 uses 0x40–0x4F, RFC 5766 used all to 0x7F, and RFC 7983 shares the rest. */
export function isChannelData(firstByte: number): boolean {
  return firstByte >= 0x40 && firstByte <= 0x7f;
}

/** Length of the data of a ChannelData message; undefined when the bytes don't hold it all. */
export function channelDataLength(bytes: Uint8Array): number | undefined {
  const length = readU16(bytes, 2);
  return bytes.length < channelHeaderBytes + length ? undefined : length;
}

/** Writes the header into the first four bytes. */
export function writeChannelHeader(bytes: Uint8Array, channel: number, length: number): void {
  writeU16(bytes, 0, channel);
  writeU16(bytes, 2, length);
}

/** A whole ChannelData message; over a stream it is padded to a multiple of 4 (RFC 8656 §12.5). */
export function encodeChannelData(channel: number, data: Uint8Array, padded: boolean): Uint8Array {
  const length = channelHeaderBytes + data.length;
  const bytes = new Uint8Array(padded ? (length + 3) & ~3 : length);
  writeChannelHeader(bytes, channel, data.length);
  bytes.set(data, channelHeaderBytes);
  return bytes;
}
