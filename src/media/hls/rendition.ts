/** A part as it is served. Times in s. */
interface ServedPart {
  readonly bytes: Uint8Array;
  readonly duration: number;
  readonly independent: boolean;
}

export interface Segment {
  /** Its media sequence number (RFC 8216bis §4.4.3.2). */
  readonly number: number;
  readonly init: number;
  readonly discontinuity: boolean;
  /** When it begins, Unix time in ms. */
  readonly wall: number;
  readonly parts: ServedPart[];
  /** s */
  longestPart: number;
  duration: number;
  bytes: number;
  /** No more parts come. */
  done: boolean;
}

/** What is said of a part when it comes. */
export interface NewPart extends ServedPart {
  readonly segment: number;
  readonly part: number;
  readonly last: boolean;
  readonly discontinuity: boolean;
  readonly init: number;
  readonly wall: number;
}

export interface InitSegment {
  readonly number: number;
  readonly codec: string;
  readonly width: number;
  readonly height: number;
  readonly bytes: Uint8Array;
}

/** What is kept of a rendition: so many seconds and bytes at most, and six segments at least. */
export interface WindowRules {
  readonly seconds: number;
  readonly bytes: number;
}

const fewest = 6;

/** One track of a stream as HLS serves it: its newest segments, and those who wait for the next part. */
export class Rendition {
  readonly name: string;
  readonly kind: "audio" | "video";
  readonly segments: Segment[] = [];
  /** Discontinuities ahead of the first segment that is still there. */
  discontinuities = 0;
  ended = false;
  readonly #rules: WindowRules;
  readonly #inits = new Map<number, InitSegment>();
  readonly #rendered = new Map<boolean, { readonly revision: number; readonly text: string }>();
  /** Counts the parts that came. */
  #revision = 0;
  #bytes = 0;
  #seconds = 0;
  #waiting: (() => void)[] = [];

  constructor(name: string, kind: "audio" | "video", rules: WindowRules) {
    this.name = name;
    this.kind = kind;
    this.#rules = rules;
  }

  /** What the newest parts go with. */
  get format(): InitSegment | undefined {
    return [...this.#inits.values()].at(-1);
  }

  get newest(): Segment | undefined {
    return this.segments.at(-1);
  }

  /** Bits per second of the segments that are there: of the densest one, and of all together. */
  get bitrate(): { readonly peak: number; readonly average: number } {
    const whole = this.segments.filter(({ done, duration }) => done && duration > 0.5);
    const rated = whole.length > 0 ? whole : this.segments;
    let [peak, bytes, seconds] = [0, 0, 0];
    for (const segment of rated) {
      if (segment.duration === 0) continue;
      peak = Math.max(peak, (segment.bytes * 8) / segment.duration);
      bytes += segment.bytes;
      seconds += segment.duration;
    }
    return { peak: Math.ceil(peak), average: seconds === 0 ? 0 : Math.ceil((bytes * 8) / seconds) };
  }

  init(number: number): InitSegment | undefined {
    return this.#inits.get(number);
  }

  segment(number: number): Segment | undefined {
    return this.segments[number - (this.segments[0]?.number ?? 0)];
  }

  use(init: InitSegment): void {
    this.#inits.set(init.number, init);
  }

  add({ segment: number, last, discontinuity, init, wall, bytes, duration, independent }: NewPart): void {
    let segment = this.newest;
    if (segment === undefined || segment.number !== number) {
      if (segment !== undefined) segment.done = true;
      const empty = { longestPart: 0, duration: 0, bytes: 0, done: false };
      segment = { number, init, discontinuity, wall, parts: [], ...empty };
      this.segments.push(segment);
    }
    segment.parts.push({ bytes, duration, independent });
    segment.duration += duration;
    segment.bytes += bytes.length;
    segment.done = last;
    this.#bytes += bytes.length;
    this.#seconds += duration;
    segment.longestPart = Math.max(segment.longestPart, duration);
    this.#trim();
    this.#changed();
  }

  /** Nothing more comes: whoever waits is answered. */
  end(): void {
    this.ended = true;
    const { newest } = this;
    if (newest !== undefined) newest.done = true;
    this.#changed();
  }

  /** True where the part of the segment is there, or a later one; without a part, where the segment is whole. */
  has(segment: number, part: number | undefined): boolean {
    const { newest } = this;
    if (newest === undefined || this.ended) return this.ended;
    if (newest.number !== segment) return newest.number > segment;
    return part === undefined ? newest.done : newest.parts.length > part;
  }

  /** The text that `make` makes, until the next part comes. */
  rendered(skip: boolean, make: () => string): string {
    const kept = this.#rendered.get(skip);
    if (kept?.revision === this.#revision) return kept.text;
    const text = make();
    this.#rendered.set(skip, { revision: this.#revision, text });
    return text;
  }

  /** How many wait for the next part. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Resolves with the next part, or at the end. */
  next(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #changed(): void {
    this.#revision++;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }

  #trim(): void {
    const { seconds, bytes } = this.#rules;
    while (this.segments.length > fewest) {
      const [oldest, second] = this.segments;
      if (oldest === undefined || second === undefined) return;
      if (this.#seconds - oldest.duration < seconds && this.#bytes <= bytes) return;
      this.segments.shift();
      this.#seconds -= oldest.duration;
      this.#bytes -= oldest.bytes;
      if (oldest.discontinuity) this.discontinuities++;
      for (const number of this.#inits.keys()) if (number < second.init) this.#inits.delete(number);
    }
  }
}
