import { partTarget } from "../package/segmenter.ts";
import type { Rendition, Segment } from "./rendition.ts";

/** No segment is longer, rounded to whole seconds (RFC 8216bis §4.4.3.1). */
export const targetDuration = 3;
/** Segments so many target durations from the end still have their parts named (§6.2.2), and from where they can be left out (§6.2.5.1). */
const [partsWithin, skipUntil] = [3, 6];

/**
 * How far behind the newest part players begin, s. The draft requires two part targets and recommends three (§4.4.3.8). hls.js adds the time that it
 * takes to begin, up to half a second, and never catches up: with three it would be more than a second behind. Where a part is longer, such as
 * of a picture that stood still, it is two of those.
 */
const usualHoldBack = 2.5 * partTarget;

/** What a query of a media playlist asks for (§6.2.5). */
export interface PlaylistQuery {
  readonly segment: number | undefined;
  readonly part: number | undefined;
  readonly skip: boolean;
}

/** Reads the delivery directives; a text says what is wrong with them. */
export function parseQuery(parameters: { get(name: string): string | null }): PlaylistQuery | string {
  const number = (name: string): number | undefined | string => {
    const text = parameters.get(name);
    if (text === null) return undefined;
    return /^\d{1,10}$/.test(text) ? Number(text) : `${name} must be a whole number.`;
  };
  const [segment, part] = [number("_HLS_msn"), number("_HLS_part")];
  if (typeof segment === "string") return segment;
  if (typeof part === "string") return part;
  if (part !== undefined && segment === undefined) return "_HLS_part needs _HLS_msn.";
  const skip = parameters.get("_HLS_skip");
  return { segment, part, skip: skip === "YES" || skip === "v2" };
}

/**
 * A media playlist (RFC 8216bis §4.4). `query` stands behind every address, such as `?token=…`. `others`: the stream's other renditions, which it
 * reports on.
 */
export function mediaPlaylist(
  rendition: Rendition,
  others: Iterable<Rendition>,
  query: string,
  skip: boolean,
): string {
  const { name, segments, newest, ended } = rendition;
  const ages = agesOf(segments);
  const hasParts = (at: number): boolean =>
    segments[at]?.done === false || (ages[at] ?? 0) <= partsWithin * targetDuration;
  const longest = Math.max(0, ...segments.map(({ longestPart }, at) => (hasParts(at) ? longestPart : 0)));
  const target = Math.max(partTarget, Math.ceil(longest * 1_000) / 1_000);
  const holdBack = Math.max(usualHoldBack, 2 * target);
  const lines = [
    ...["#EXTM3U", "#EXT-X-VERSION:9", `#EXT-X-TARGETDURATION:${targetDuration}`],
    `#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=${seconds(holdBack)},CAN-SKIP-UNTIL=${seconds(skipUntil * targetDuration)}`,
    `#EXT-X-PART-INF:PART-TARGET=${seconds(target)}`,
    `#EXT-X-MEDIA-SEQUENCE:${segments[0]?.number ?? 0}`,
  ];
  if (rendition.discontinuities > 0) lines.push(`#EXT-X-DISCONTINUITY-SEQUENCE:${rendition.discontinuities}`);
  const skipped = skip ? ages.filter((age) => age > skipUntil * targetDuration).length : 0;
  if (skipped > 0) lines.push(`#EXT-X-SKIP:SKIPPED-SEGMENTS=${skipped}`);
  let init = skipped > 0 ? segments[skipped - 1]?.init : undefined;
  for (const [at, segment] of segments.entries()) {
    if (at < skipped) continue;
    if (segment.discontinuity) lines.push("#EXT-X-DISCONTINUITY");
    if (segment.init !== init) lines.push(`#EXT-X-MAP:URI="${name}-i${segment.init}.mp4${query}"`);
    init = segment.init;
    lines.push(`#EXT-X-PROGRAM-DATE-TIME:${new Date(segment.wall).toISOString()}`);
    if (hasParts(at))
      for (const [part, { duration, independent }] of segment.parts.entries())
        lines.push(
          `#EXT-X-PART:DURATION=${seconds(duration)},URI="${name}-${segment.number}.${part}.m4s${query}"${independent ? ",INDEPENDENT=YES" : ""}`,
        );
    if (segment.done)
      lines.push(`#EXTINF:${seconds(segment.duration)},`, `${name}-${segment.number}.m4s${query}`);
  }
  if (ended) lines.push("#EXT-X-ENDLIST");
  else if (newest !== undefined) {
    const hint = newest.done ? `${newest.number + 1}.0` : `${newest.number}.${newest.parts.length}`;
    lines.push(`#EXT-X-PRELOAD-HINT:TYPE=PART,URI="${name}-${hint}.m4s${query}"`);
    for (const other of others) {
      const last = other.newest;
      if (other === rendition || last === undefined) continue;
      const report = `LAST-MSN=${last.number},LAST-PART=${last.parts.length - 1}`;
      lines.push(`#EXT-X-RENDITION-REPORT:URI="${other.name}.m3u8${query}",${report}`);
    }
  }
  return `${lines.join("\n")}\n`;
}

/** How far the end of each segment is from the end of the playlist, in s; the newest one's beginning counts. */
function agesOf(segments: readonly Segment[]): number[] {
  const ages: number[] = [];
  let age = 0;
  for (let at = segments.length - 1; at >= 0; at--) {
    age += segments[at]?.duration ?? 0;
    ages[at] = age;
  }
  return ages;
}

/** The multivariant playlist: each video layer with each sound (§4.4.6). `folder`: where the media playlists are. */
export function multivariantPlaylist(
  renditions: readonly Rendition[],
  folder: string,
  query: string,
): string {
  const lines = ["#EXTM3U", "#EXT-X-VERSION:9"];
  const ready = renditions.filter(({ format, newest }) => format !== undefined && newest !== undefined);
  const sounds = ready.filter(({ kind }) => kind === "audio");
  const pictures = ready.filter(({ kind }) => kind === "video");
  const uri = ({ name }: Rendition): string => `${folder}/${name}.m3u8${query}`;
  if (pictures.length > 0)
    for (const sound of sounds)
      lines.push(
        `#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="${sound.name}",NAME="sound",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="2",URI="${uri(sound)}"`,
      );
  // The largest picture first: players that choose nothing begin with the first one.
  pictures.sort((one, other) => (other.format?.height ?? 0) - (one.format?.height ?? 0));
  for (const picture of pictures)
    for (const sound of sounds.length > 0 ? sounds : [undefined]) {
      const { codec, width, height } = picture.format ?? { codec: "", width: 0, height: 0 };
      const [own, beside] = [picture.bitrate, sound?.bitrate ?? { peak: 0, average: 0 }];
      lines.push(
        [
          `#EXT-X-STREAM-INF:BANDWIDTH=${Math.max(1, own.peak + beside.peak)}`,
          `AVERAGE-BANDWIDTH=${Math.max(1, own.average + beside.average)}`,
          `CODECS="${[codec, ...(sound === undefined ? [] : [sound.format?.codec])].join(",")}"`,
          `RESOLUTION=${width}x${height}`,
          ...(sound === undefined ? [] : [`AUDIO="${sound.name}"`]),
        ].join(","),
        uri(picture),
      );
    }
  if (pictures.length === 0)
    for (const sound of sounds) {
      const { peak, average } = sound.bitrate;
      const rate = `BANDWIDTH=${Math.max(1, peak)},AVERAGE-BANDWIDTH=${Math.max(1, average)}`;
      lines.push(`#EXT-X-STREAM-INF:${rate},CODECS="${sound.format?.codec ?? ""}"`, uri(sound));
    }
  return `${lines.join("\n")}\n`;
}

function seconds(value: number): string {
  return `${Math.round(value * 100_000) / 100_000}`;
}
