import { iceCredentials } from "../../wire/sdp/attributes.ts";
import { parseDescription } from "../../wire/sdp/description.ts";
import { formatFragment, fragmentType } from "../../wire/sdp/fragment.ts";
import type { CoreSideMedia } from "./core-side-media.ts";
import type { Content, HeaderEntry } from "./message.ts";

/** The headers of an INFO with candidates (RFC 8840 §10). */
export const candidateHeaders: readonly HeaderEntry[] = [
  ["Info-Package", "trickle-ice"],
  ["Content-Disposition", "Info-Package"],
];

/**
 * The INFO requests that tell a phone with trickle ICE the core side's candidates. Each has all candidates of the generation so
 * far, in order (RFC 8840 §4.4), and waits for the answer to the one before, so that none can overtake another.
 */
export class CandidateInfo {
  readonly #coreSide: CoreSideMedia;
  #heard = 0;
  #generation = 0;
  #underway = false;

  constructor(coreSide: CoreSideMedia) {
    this.#coreSide = coreSide;
  }

  /** The phone gets a description with all candidates so far. */
  described(): void {
    this.#heard = this.#news;
    this.#generation = this.#coreSide.generation;
  }

  /** The next INFO, and what to call once it was answered or lost. Undefined while there is nothing new. */
  next(): { readonly body: Content; done(arrived: boolean): void } | undefined {
    const coreSide = this.#coreSide;
    if (this.#generation !== coreSide.generation) this.#heard = 0;
    const news = this.#news;
    if (this.#underway || this.#heard === news) return undefined;
    this.#generation = coreSide.generation;
    this.#underway = true;
    const parsed = coreSide.plain === undefined ? undefined : parseDescription(coreSide.plain);
    const [section] = parsed?.media ?? [];
    const credentials = parsed && section && iceCredentials(parsed, section);
    const content = formatFragment({
      candidates: coreSide.candidates,
      complete: coreSide.complete,
      ufrag: credentials?.ufrag,
      pwd: credentials?.pwd,
    });
    const { generation } = coreSide;
    return {
      body: { type: fragmentType, content },
      done: (arrived) => {
        this.#underway = false;
        if (arrived && generation === this.#generation) this.#heard = Math.max(this.#heard, news);
      },
    };
  }

  /** The number of things to tell: candidates, and their end. */
  get #news(): number {
    return this.#coreSide.candidates.length + (this.#coreSide.complete ? 1 : 0);
  }
}
