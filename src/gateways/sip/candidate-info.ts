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
 * What a phone that trickles has heard of the core side's candidates. Each INFO says all of the generation's so far, in their order
 * (RFC 8840 §4.4), and is sent when the one before was answered, so that none can overtake another.
 */
export class CandidateInfo {
  readonly #coreSide: CoreSideMedia;
  #heard = 0;
  #generation = 0;
  #underway = false;

  constructor(coreSide: CoreSideMedia) {
    this.#coreSide = coreSide;
  }

  /** The phone hears a description that says all that there is now. */
  described(): void {
    this.#heard = this.#news;
    this.#generation = this.#coreSide.generation;
  }

  /** The next INFO and what is to be called when it was answered, or did not arrive; undefined while there is nothing to say. */
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

  /** How much there is to say. */
  get #news(): number {
    return this.#coreSide.candidates.length + (this.#coreSide.complete ? 1 : 0);
  }
}
