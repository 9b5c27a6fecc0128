import { readU16 } from "../bytes.ts";

/** OBU types (AV1 bitstream §6.2.2). */
const sequenceHeader = 1;

/**
 * True for a payload that begins a coded video sequence: the aggregation header's N bit (AV1 RTP §4.4), or a sequence header as the first
 * OBU.
 */
export function isAv1Key(payload: Uint8Array): boolean {
  const header = payload[0];
  if (header === undefined) return false;
  if ((header & 0x08) !== 0) return true;
  // A fragment that goes on begins nothing.
  if ((header & 0x80) !== 0) return false;
  let at = 1;
  const count = (header >>> 4) & 0x03;
  if (count !== 1) while (((payload[at] ?? 0) & 0x80) !== 0 && at < 6) at++;
  if (count !== 1) at++;
  return (((payload[at] ?? 0) >>> 3) & 0x0f) === sequenceHeader;
}

/** The mandatory part of a dependency descriptor (AV1 RTP §A.8.2). */
export interface DependencyDescriptor {
  readonly begin: boolean;
  readonly end: boolean;
  readonly template: number;
  readonly frame: number;
  /** True where a template structure comes along: the frame begins a coded video sequence. */
  readonly structure: boolean;
}

/** Reads the mandatory fields; undefined for fewer than three bytes. Never throws. */
export function parseDependencyDescriptor(value: Uint8Array): DependencyDescriptor | undefined {
  if (value.length < 3) return undefined;
  const first = value[0] ?? 0;
  return {
    begin: (first & 0x80) !== 0,
    end: (first & 0x40) !== 0,
    template: first & 0x3f,
    frame: readU16(value, 1),
    structure: value.length > 3 && ((value[3] ?? 0) & 0x80) !== 0,
  };
}
