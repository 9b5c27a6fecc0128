import type { LocalMedia } from "../client/index.ts";
import { type OwnMedia, troubleOf } from "./own-media.ts";
import type { Page } from "./page.ts";
import type { MediaPurpose } from "./state.ts";

/** A browser that answers within this time (ms) has not asked the user. */
const asks = 400;

interface Waiting {
  readonly purpose: MediaPurpose;
  readonly peer: string;
  readonly video: boolean;
  readonly stop: AbortController;
  go(media: LocalMedia): void;
}

/** The request for camera and microphone: one at a time, and a new one replaces the one before. */
export class MediaRequests {
  readonly #page: Page;
  readonly #own: OwnMedia;
  #waiting: Waiting | undefined;

  constructor(page: Page, own: OwnMedia) {
    this.#page = page;
    this.#own = own;
  }

  get purpose(): MediaPurpose | undefined {
    return this.#waiting?.purpose;
  }

  /**
   * Opens camera and microphone, then calls `go`. Meanwhile the page says that the browser asks (but not during a call:
   * `engaged`), or why there is no camera, until `without` or `drop` is called.
   */
  async want(
    purpose: MediaPurpose,
    peer: string,
    video: boolean,
    engaged: boolean,
    go: Waiting["go"],
  ): Promise<void> {
    this.drop();
    const waiting: Waiting = { purpose, peer, video, go, stop: new AbortController() };
    this.#waiting = waiting;
    const timer = setTimeout(() => {
      if (!engaged) this.#page.tell({ type: "went", scene: { at: "asking", purpose, peer } });
    }, asks);
    try {
      const media = await this.#own.open(video, waiting.stop.signal);
      if (this.#waiting !== waiting) return;
      this.#waiting = undefined;
      go(media);
    } catch (error) {
      if (this.#waiting !== waiting) return;
      this.#page.tell({ type: "went", scene: { at: "no-camera", purpose, peer, trouble: troubleOf(error) } });
    } finally {
      clearTimeout(timer);
    }
  }

  /** Continues with the test picture or sound alone, or tries the camera again. */
  async without(instead: "test" | "audio" | "retry"): Promise<void> {
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    this.drop();
    if (instead === "retry") await this.want(waiting.purpose, waiting.peer, waiting.video, false, waiting.go);
    else waiting.go(await this.#own.openInstead(instead));
  }

  /** Gives the request up. What the browser still opens for it is closed. */
  drop(): void {
    this.#waiting?.stop.abort();
    this.#waiting = undefined;
  }
}
