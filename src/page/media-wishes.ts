import type { LocalMedia } from "../client/index.ts";
import { type OwnMedia, troubleOf } from "./own-media.ts";
import type { Page } from "./page.ts";
import type { Wish } from "./state.ts";

/** A browser that answers within this time has not asked anybody. */
const asks = 400;

interface Waiting {
  readonly wish: Wish;
  readonly peer: string;
  readonly video: boolean;
  readonly stop: AbortController;
  go(media: LocalMedia): void;
}

/** What waits for camera and microphone: one wish at a time, the newest. */
export class MediaWishes {
  readonly #page: Page;
  readonly #own: OwnMedia;
  #waiting: Waiting | undefined;

  constructor(page: Page, own: OwnMedia) {
    this.#page = page;
    this.#own = own;
  }

  get wish(): Wish | undefined {
    return this.#waiting?.wish;
  }

  /**
   * Opens what is wished and goes on with it. Meanwhile the page shows the browser's question (not over a call:
   * `engaged`), or why there is no camera, until `without` or `drop` decides.
   */
  async want(wish: Wish, peer: string, video: boolean, engaged: boolean, go: Waiting["go"]): Promise<void> {
    this.drop();
    const waiting: Waiting = { wish, peer, video, go, stop: new AbortController() };
    this.#waiting = waiting;
    const timer = setTimeout(() => {
      if (!engaged) this.#page.tell({ type: "went", scene: { at: "asking", wish, peer } });
    }, asks);
    try {
      const media = await this.#own.open(video, waiting.stop.signal);
      if (this.#waiting !== waiting) return;
      this.#waiting = undefined;
      go(media);
    } catch (error) {
      if (this.#waiting !== waiting) return;
      this.#page.tell({ type: "went", scene: { at: "no-camera", wish, peer, trouble: troubleOf(error) } });
    } finally {
      clearTimeout(timer);
    }
  }

  /** Goes on with the test picture or sound alone, or tries the camera again. */
  async without(instead: "test" | "audio" | "retry"): Promise<void> {
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    this.drop();
    if (instead === "retry") await this.want(waiting.wish, waiting.peer, waiting.video, false, waiting.go);
    else waiting.go(await this.#own.openInstead(instead));
  }

  /** Gives the wish up; what the browser still opens for it is closed. */
  drop(): void {
    this.#waiting?.stop.abort();
    this.#waiting = undefined;
  }
}
