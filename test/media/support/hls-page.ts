import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";

/** What hls.js and the video element say of a player. */
export interface HlsFigures {
  readonly time: number;
  readonly paused: boolean;
  readonly height: number;
  readonly frames: number;
  readonly dropped: number;
  /** Behind the live edge, as hls.js counts, in s. */
  readonly latency: number;
  readonly target: number;
  readonly levels: number;
  /** From the start to the first picture, ms. */
  readonly started: number | undefined;
  readonly errors: readonly string[];
  /** Those of the errors that came while the page's own timers were on time. */
  readonly punctual: readonly string[];
}

/** A page whose timers are so late, in ms, has no time to play either; hls.js may fail so long after that, in ms. */
const [late, aftermath] = [100, 3_000];

const script = readFileSync(fileURLToPath(import.meta.resolve("hls.js/dist/hls.min.js")), "utf8");

/** Plays a stream in the page's video by hls.js. `low`: with the low latency that parts make possible. */
export async function playHls(page: Page, url: string, token?: string, low = true): Promise<void> {
  // As an expression: the page's content security policy lets no script element in.
  await page.evaluate(script);
  await page.evaluate(
    ({ url, token, low, late, aftermath }) => {
      // biome-ignore lint/suspicious/noExplicitAny: what the script brings
      const Hls = (globalThis as any).Hls;
      const video = document.querySelector("video") as HTMLVideoElement;
      const [errors, punctual]: [string[], string[]] = [[], []];
      const interval = 50;
      let [ticked, lateAt] = [performance.now(), Number.NEGATIVE_INFINITY];
      const look = (): void => {
        const now = performance.now();
        if (now - ticked - interval >= late) lateAt = now;
      };
      setInterval(() => {
        look();
        ticked = performance.now();
      }, interval);
      const hls = new Hls({
        lowLatencyMode: low,
        enableWorker: false,
        ...(token !== undefined && {
          xhrSetup: (request: XMLHttpRequest) => request.setRequestHeader("Authorization", `Bearer ${token}`),
        }),
      });
      const begun = performance.now();
      const kept = { hls, errors, punctual, started: undefined as number | undefined };
      (globalThis as unknown as { player: typeof kept }).player = kept;
      video.requestVideoFrameCallback(() => {
        kept.started = performance.now() - begun;
      });
      // biome-ignore lint/suspicious/noExplicitAny: what hls.js tells
      hls.on(Hls.Events.ERROR, (_: string, { type, details, fatal, reason, error }: any) => {
        errors.push(`${fatal === true ? "fatal " : ""}${details} ${reason ?? error?.message ?? ""}`);
        look();
        if (performance.now() - lateAt > aftermath) punctual.push(errors.at(-1) ?? "");
        // As hls.js tells applications to.
        if (fatal === true && type === Hls.ErrorTypes.MEDIA_ERROR) hls.recoverMediaError();
      });
      hls.on(Hls.Events.MANIFEST_PARSED, () => video.play());
      hls.loadSource(url);
      hls.attachMedia(video);
    },
    { url, token, low, late, aftermath },
  );
}

export async function hlsFigures(page: Page): Promise<HlsFigures> {
  return await page.evaluate(() => {
    // biome-ignore lint/suspicious/noExplicitAny: what playHls keeps
    const { hls, errors, punctual, started } = (globalThis as any).player;
    const video = document.querySelector("video") as HTMLVideoElement;
    const quality = video.getVideoPlaybackQuality();
    return {
      ...{ time: video.currentTime, paused: video.paused, height: video.videoHeight },
      ...{ frames: quality.totalVideoFrames, dropped: quality.droppedVideoFrames },
      ...{ latency: hls.latency, target: hls.targetLatency, levels: hls.levels.length, started },
      ...{ errors, punctual },
    };
  });
}
