import { box, concat, fullBox, u8, u16, u32, zeros } from "./boxes.ts";
import { type AudioFormat, type SampleFormat, timescales, type VideoFormat } from "./sample-format.ts";

const unity = u32(0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000);

/** The init segment of a file or rendition with these tracks; the n-th has the id n + 1 (ISO/IEC 14496-12, CMAF §7.3). */
export function initSegment(tracks: readonly SampleFormat[]): Uint8Array {
  const movieHeader = fullBox(
    ...(["mvhd", 0, 0, u32(0, 0, 1_000, 0, 0x10000), u16(0x100), zeros(10), unity, zeros(24)] as const),
    u32(tracks.length + 1),
  );
  const extensions = tracks.map((_, at) => fullBox("trex", 0, 0, u32(at + 1, 1, 0, 0, 0)));
  return concat([
    box("ftyp", "iso6", u32(0), "iso6", "cmfc", "mp41"),
    box(
      "moov",
      movieHeader,
      ...tracks.map((track, at) => trackBox(track, at + 1)),
      box("mvex", ...extensions),
    ),
  ]);
}

function trackBox(format: SampleFormat, id: number): Uint8Array {
  const video = format.kind === "video";
  const [width, height] = video ? [format.width, format.height] : [0, 0];
  const header = fullBox(
    ...(["tkhd", 0, 3, u32(0, 0, id, 0, 0), zeros(8), u16(0, 0, video ? 0 : 0x100, 0)] as const),
    ...[unity, u32(width * 65_536, height * 65_536)],
  );
  const table = box(
    "stbl",
    fullBox("stsd", 0, 0, u32(1), video ? videoEntry(format) : audioEntry(format)),
    ...[fullBox("stts", 0, 0, u32(0)), fullBox("stsc", 0, 0, u32(0))],
    ...[fullBox("stsz", 0, 0, u32(0, 0)), fullBox("stco", 0, 0, u32(0))],
  );
  const information = box(
    "minf",
    video ? fullBox("vmhd", 0, 1, zeros(8)) : fullBox("smhd", 0, 0, zeros(4)),
    box("dinf", fullBox("dref", 0, 0, u32(1), fullBox("url ", 0, 1))),
    table,
  );
  const media = box(
    "mdia",
    fullBox("mdhd", 0, 0, u32(0, 0, timescales[format.kind], 0), u16(0x55c4, 0)),
    fullBox("hdlr", 0, 0, u32(0), video ? "vide" : "soun", zeros(12), u8(0)),
    information,
  );
  return box("trak", header, media);
}

function videoEntry({ codec, width, height, configuration }: VideoFormat): Uint8Array {
  const [entry, config] = codec === "av1" ? ["av01", "av1C"] : ["avc1", "avcC"];
  return box(
    ...([entry, zeros(6), u16(1), zeros(16), u16(width, height), u32(0x480000, 0x480000, 0)] as const),
    ...[u16(1), zeros(32), u16(24, 0xffff), box(config, configuration)],
  );
}

function audioEntry({ codec, channels, configuration }: AudioFormat): Uint8Array {
  const head = [zeros(6), u16(1), zeros(8), u16(channels, 16), zeros(4), u32(48_000 * 65_536)];
  // Opus in ISO base media §4.3.2: version, channels, 80 ms of pre-skip at most, the rate of the input, gain, mapping family.
  if (codec === "opus")
    return box("Opus", ...head, box("dOps", u8(0, channels), u16(312), u32(48_000), u16(0), u8(0)));
  const specific = concat([u8(0x05, configuration.length), configuration]);
  const decoder = concat([
    u8(0x04, 13 + specific.length, 0x40, 0x15, 0, 0, 0),
    u32(128_000, 128_000),
    specific,
  ]);
  const descriptor = concat([u8(0x03, 3 + decoder.length + 3), u16(1), u8(0), decoder, u8(0x06, 1, 2)]);
  return box("mp4a", ...head, fullBox("esds", 0, 0, descriptor));
}
