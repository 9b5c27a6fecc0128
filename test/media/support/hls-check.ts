/** What a playlist says, as far as the checker looks. Times in s. */
interface Listed {
  readonly target: number;
  readonly partTarget: number;
  readonly first: number;
  readonly discontinuities: number;
  readonly segments: readonly ListedSegment[];
  readonly hint: string | undefined;
  readonly skipped: number;
  readonly ended: boolean;
}

interface ListedSegment {
  readonly number: number;
  /** Undefined for one that is still growing. */
  readonly duration: number | undefined;
  readonly uri: string | undefined;
  readonly parts: readonly {
    readonly duration: number;
    readonly uri: string;
    readonly independent: boolean;
  }[];
  readonly map: string | undefined;
  readonly discontinuity: boolean;
  readonly date: number | undefined;
}

/** Reads a media playlist of low-latency HLS (RFC 8216bis §4.4). Throws an Error for what no player could read. */
function readPlaylist(text: string): Listed {
  const lines = text.split("\n");
  if (lines[0] !== "#EXTM3U") throw new Error("a playlist begins with #EXTM3U");
  if (!text.endsWith("\n")) throw new Error("the last line has no end");
  const value = (tag: string): string | undefined =>
    lines.find((line) => line.startsWith(`#${tag}:`))?.slice(tag.length + 2);
  const attribute = (line: string | undefined, name: string): string | undefined =>
    new RegExp(`(?:^|[:,])${name}=("[^"]*"|[^,]*)`).exec(line ?? "")?.[1]?.replaceAll('"', "");
  const first = Number(value("EXT-X-MEDIA-SEQUENCE") ?? 0);
  const skipped = Number(attribute(value("EXT-X-SKIP"), "SKIPPED-SEGMENTS") ?? 0);
  const segments: ListedSegment[] = [];
  let parts: ListedSegment["parts"][number][] = [];
  let [map, date, duration, discontinuity] = [
    undefined as string | undefined,
    undefined as number | undefined,
    undefined as number | undefined,
    false,
  ];
  const push = (uri: string | undefined): void => {
    const number = first + skipped + segments.length;
    segments.push({ number, duration, uri, parts, map, discontinuity, date });
    [parts, date, duration, discontinuity] = [[], undefined, undefined, false];
  };
  for (const line of lines) {
    if (line.startsWith("#EXT-X-MAP:")) map = attribute(line, "URI");
    else if (line === "#EXT-X-DISCONTINUITY") discontinuity = true;
    else if (line.startsWith("#EXT-X-PROGRAM-DATE-TIME:")) date = Date.parse(line.slice(25));
    else if (line.startsWith("#EXTINF:")) duration = Number.parseFloat(line.slice(8));
    else if (line.startsWith("#EXT-X-PART:"))
      parts.push({
        duration: Number(attribute(line, "DURATION")),
        uri: attribute(line, "URI") ?? "",
        independent: attribute(line, "INDEPENDENT") === "YES",
      });
    else if (line !== "" && !line.startsWith("#")) push(line);
  }
  if (parts.length > 0) push(undefined);
  return {
    target: Number(value("EXT-X-TARGETDURATION")),
    partTarget: Number(attribute(value("EXT-X-PART-INF"), "PART-TARGET")),
    ...{ first, skipped, segments },
    discontinuities: Number(value("EXT-X-DISCONTINUITY-SEQUENCE") ?? 0),
    hint: attribute(value("EXT-X-PRELOAD-HINT"), "URI"),
    ended: lines.includes("#EXT-X-ENDLIST"),
  };
}

/** Rounding of durations that are written with five digits. */
const rounding = 0.0002;

/**
 * Holds the playlists of one rendition, as they come, to RFC 8216bis. Each finding is a line. Where a publisher's picture stood still for
 * longer than a part, PART-TARGET has grown: parts are then held to `usualPart` s.
 */
export class PlaylistChecker {
  readonly findings: string[] = [];
  readonly #usualPart: number;
  readonly #known = new Map<number, ListedSegment>();
  #last: Listed | undefined;

  constructor(usualPart = 0.2) {
    this.#usualPart = usualPart;
  }

  /** Takes the next playlist. */
  take(text: string): Listed {
    const listed = readPlaylist(text);
    const { target, partTarget, first, segments } = listed;
    const before = this.#last;
    if (!/^#EXT-X-VERSION:9$/m.test(text)) this.#find("EXT-X-VERSION is not 9");
    const hold = Number(/PART-HOLD-BACK=([\d.]+)/.exec(text)?.[1]);
    if (!(hold >= 2 * partTarget)) this.#find(`PART-HOLD-BACK ${hold} is less than two part targets`);
    if (before !== undefined) {
      if (before.target !== target) this.#find("the target duration changed");
      if (first < before.first) this.#find("the media sequence number went back");
      const newest = (list: Listed): number => list.first + list.skipped + list.segments.length;
      if (newest(listed) < newest(before)) this.#find("segments at the end have gone");
      // Segments that have left took their discontinuities with them (§6.2.2).
      const left = [...this.#known.values()].filter(({ number }) => number >= before.first && number < first);
      const gone = left.filter(({ discontinuity }) => discontinuity).length;
      if (listed.discontinuities !== before.discontinuities + gone)
        this.#find("EXT-X-DISCONTINUITY-SEQUENCE doesn't count what has left");
    }
    for (const [at, segment] of segments.entries()) this.#segment(segment, segments[at + 1], listed);
    this.#last = listed;
    return listed;
  }

  #segment(segment: ListedSegment, next: ListedSegment | undefined, { target, partTarget }: Listed): void {
    const { number, duration, parts } = segment;
    const where = `segment ${number}`;
    if (segment.map === undefined) this.#find(`${where} has no EXT-X-MAP`);
    if (duration !== undefined && Math.round(duration) > target)
      this.#find(`${where} of ${duration} s is longer than the target ${target}`);
    for (const [at, part] of parts.entries()) {
      if (part.duration > partTarget + rounding)
        this.#find(`${where}: part ${at} of ${part.duration} s is longer than PART-TARGET ${partTarget}`);
      const last = at === parts.length - 1;
      const usual = Math.min(partTarget, this.#usualPart);
      if (!last && part.duration < 0.85 * usual - rounding)
        this.#find(`${where}: part ${at} of ${part.duration} s is shorter than 85 % of ${usual}`);
    }
    const sum = parts.reduce((total, part) => total + part.duration, 0);
    if (duration !== undefined && parts.length > 0 && Math.abs(sum - duration) > rounding * parts.length)
      this.#find(`${where}: parts of ${sum} s make a segment of ${duration} s`);
    if (
      duration !== undefined &&
      segment.date !== undefined &&
      next?.date !== undefined &&
      !next.discontinuity
    ) {
      const drift = Math.abs(next.date - segment.date - duration * 1_000);
      if (drift > 100) this.#find(`${where}: dates and durations differ by ${Math.round(drift)} ms`);
    }
    const known = this.#known.get(number);
    if (known !== undefined) {
      if (known.duration !== undefined && known.duration !== duration)
        this.#find(`${where} changed its duration`);
      for (const [at, part] of known.parts.entries()) {
        const now = parts[at];
        if (now !== undefined && (now.uri !== part.uri || now.duration !== part.duration))
          this.#find(`${where}: part ${at} changed`);
      }
    }
    this.#known.set(number, segment);
    for (const old of this.#known.keys()) if (old < number - 1_000) this.#known.delete(old);
  }

  #find(finding: string): void {
    if (!this.findings.includes(finding) && this.findings.length < 100) this.findings.push(finding);
  }
}

/** Follows a rendition by blocking reloads for so long, and answers what is wrong with what it got. `base`: the playlist's address. */
export async function checkRendition(
  base: string,
  ms: number,
): Promise<{ findings: string[]; reloads: number }> {
  const checker = new PlaylistChecker();
  const end = Date.now() + ms;
  const get = async (query: string): Promise<string> => {
    for (;;) {
      const response = await fetch(`${base}${query}`);
      if (response.status === 200) return await response.text();
      // Nothing came for three target durations: a player asks again.
      if (response.status !== 503 || Date.now() > end)
        throw new Error(`${base}${query} was answered ${response.status}`);
      checker.findings.push(`${query} was answered 503 at ${new Date().toISOString()}`);
      await response.body?.cancel();
    }
  };
  let listed = checker.take(await get(""));
  let reloads = 0;
  while (Date.now() < end && !listed.ended) {
    const last = listed.segments.at(-1);
    const whole = last?.duration !== undefined;
    const segment = (last?.number ?? 0) + (whole ? 1 : 0);
    const part = whole ? 0 : (last?.parts.length ?? 0);
    listed = checker.take(await get(`?_HLS_msn=${segment}&_HLS_part=${part}`));
    reloads++;
    const newest = listed.segments.find(({ number }) => number === segment);
    const there = newest?.parts[part] !== undefined || listed.segments.some(({ number }) => number > segment);
    if (!there && !listed.ended) checker.findings.push(`the answer for ${segment}.${part} came without it`);
  }
  return { findings: checker.findings, reloads };
}
