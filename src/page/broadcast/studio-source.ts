import { capture, type LocalMedia, SwitchboardError } from "../../client/index.ts";
import { startTestPicture, type TestPicture } from "../test-picture.ts";

export type Source = "camera" | "screen" | "test";

/** Large enough for three layers. */
const picture = { width: { ideal: 1_280 }, height: { ideal: 720 }, frameRate: { ideal: 30 } } as const;

/** What a broadcast sends: one source of the picture at a time, and the microphone where there is one. */
export class StudioSource {
  source: Source = "camera";
  readonly #changed: () => void;
  #media: LocalMedia | undefined;
  #test: TestPicture | undefined;
  #screen: MediaStream | undefined;

  /** `changed`: called when something is sent otherwise than before. */
  constructor(changed: () => void) {
    this.#changed = changed;
  }

  get media(): LocalMedia | undefined {
    return this.#media;
  }

  /** Opens the source for the first time. Rejects as {@link capture} does; a device without a camera sends the test picture. */
  async open(source: Source): Promise<void> {
    const media = source === "camera" ? await withCamera() : await withoutCamera();
    this.close();
    this.#media = media;
    media.on("change", this.#changed);
    const [camera] = media.stream.getVideoTracks();
    if (camera === undefined) await this.use(source === "camera" ? "test" : source);
    else this.source = "camera";
    this.#changed();
  }

  /** Sends another picture. The broadcast goes on. */
  async use(source: Source): Promise<void> {
    const media = this.#media;
    if (media === undefined) return;
    const [test, screen] = [this.#test, this.#screen];
    if (source === "camera") await media.use("video", picture);
    else if (source === "test") {
      this.#test = test ?? startTestPicture("▶");
      await media.use("video", this.#test.stream.getVideoTracks()[0] ?? null);
    } else {
      const shared = await navigator.mediaDevices.getDisplayMedia({ video: true });
      const [track] = shared.getVideoTracks();
      // The browser's own "Stop sharing".
      track?.addEventListener("ended", () => this.#screen === shared && void this.#screenEnded());
      this.#screen = shared;
      await media.use("video", track ?? null);
    }
    this.source = source;
    if (source !== "test") {
      this.#test?.stop();
      this.#test = undefined;
    }
    if (screen !== undefined) stop(screen);
    if (source !== "screen") this.#screen = undefined;
    if (media.muted.video) await media.mute("video", false);
    this.#changed();
  }

  close(): void {
    this.#media?.stop();
    this.#test?.stop();
    if (this.#screen !== undefined) stop(this.#screen);
    this.#media = undefined;
    this.#test = undefined;
    this.#screen = undefined;
  }

  /** The picture must not stay black: the camera, else the test picture. */
  async #screenEnded(): Promise<void> {
    await this.use("camera").catch(() => this.use("test"));
  }
}

/** Camera and microphone, as far as there are any. */
async function withCamera(): Promise<LocalMedia> {
  try {
    return await capture({ audio: true, video: picture });
  } catch (error) {
    if (!SwitchboardError.is(error, "media_missing")) throw error;
    return await capture();
  }
}

/** The microphone, if the browser gives it. */
function withoutCamera(): Promise<LocalMedia> {
  return capture({ audio: true }).catch(() => capture(new MediaStream()));
}

function stop(stream: MediaStream): void {
  for (const track of stream.getTracks()) track.stop();
}
