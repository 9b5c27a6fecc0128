/** How long one track waits for the other one, in s of media time, and how much of it may wait. */
const [patience, mostWaiting] = [1, 1_024];

interface Waiting<T> {
  readonly time: number;
  readonly frame: T;
}

/** Puts pictures and sound in one order by their times, in s: a track is waited for, but not for longer than a second. */
export class Interleaver<T> {
  readonly #tracks: { readonly audio: Waiting<T>[]; readonly video: Waiting<T>[] } = { audio: [], video: [] };
  readonly #take: (frame: T, time: number) => void;

  constructor(take: (frame: T, time: number) => void) {
    this.#take = take;
  }

  /** Times of one track never go back. */
  add(kind: "audio" | "video", time: number, frame: T): void {
    const { audio, video } = this.#tracks;
    this.#tracks[kind].push({ time, frame });
    for (;;) {
      const [sound, picture] = [audio[0], video[0]];
      const both = sound !== undefined && picture !== undefined;
      const first = !both ? (sound ?? picture) : sound.time <= picture.time ? sound : picture;
      if (first === undefined) return;
      const waited = time - first.time > patience || audio.length + video.length > mostWaiting;
      if (!both && !waited) return;
      (first === sound ? audio : video).shift();
      this.#take(first.frame, first.time);
    }
  }
}
