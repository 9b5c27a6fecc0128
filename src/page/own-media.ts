import { capture, type LocalMedia, SwitchboardError } from "../client/index.ts";
import { type Page, silent } from "./page.ts";
import type { CameraTrouble } from "./state.ts";
import { type Pips, startPips, startTestPicture, type TestPicture } from "./test-picture.ts";

/** What this end sends: camera and microphone, the test picture, beeps, a screen. There is one such source at most. */
export class OwnMedia {
  readonly #page: Page;
  #media: LocalMedia | undefined;
  #test: TestPicture | undefined;
  #pips: Pips | undefined;
  #source: "camera" | "test" | "audio" = "audio";

  constructor(page: Page) {
    this.#page = page;
  }

  /**
   * Opens camera and microphone, as far as there are any; without a camera, the test picture. Reuses what is open already and
   * fits. Rejects as {@link capture} does when the browser refuses.
   */
  async open(video: boolean, signal: AbortSignal): Promise<LocalMedia> {
    if (this.#media !== undefined && video === (this.#source !== "audio")) return this.#media;
    const media = await this.#capture(video, signal);
    signal.throwIfAborted();
    this.#take(media, video ? "camera" : "audio");
    if (video && media.stream.getVideoTracks().length === 0) await this.#useTest(media);
    return media;
  }

  /** Opens the test picture, which needs no permission, or sound alone, if the browser allows it. */
  async openInstead(instead: "test" | "audio"): Promise<LocalMedia> {
    const media = await capture(instead === "audio" ? { audio: true } : new MediaStream()).catch(() =>
      capture(new MediaStream()),
    );
    this.#take(media, "audio");
    if (instead === "test") await this.#useTest(media);
    return media;
  }

  close(): void {
    this.#media?.stop();
    this.#test?.stop();
    this.#pips?.stop();
    this.#media = undefined;
    this.#test = undefined;
    this.#pips = undefined;
    this.#page.own.value = silent;
  }

  async mute(kind: "audio" | "video"): Promise<void> {
    const media = this.#media;
    if (media === undefined) return;
    if (kind === "video" && this.#source === "audio") return this.camera(undefined);
    await media.mute(kind, !media.muted[kind]);
  }

  /** A camera by its id, any camera, or the test picture. */
  async camera(id: string | "test" | undefined): Promise<void> {
    const media = this.#media;
    if (media === undefined) return;
    if (id === "test") await this.#useTest(media);
    else {
      await media.use("video", id === undefined ? {} : { deviceId: { exact: id } });
      this.#source = "camera";
      this.#test?.stop();
      this.#test = undefined;
    }
    if (media.muted.video) await media.mute("video", false);
    this.#show();
  }

  /** Sends a beep every second instead of the microphone, or the microphone again. */
  async pip(on: boolean): Promise<void> {
    const media = this.#media;
    if (media === undefined) return;
    this.#pips?.stop();
    this.#pips = on ? startPips() : undefined;
    await media.use("audio", this.#pips?.track ?? {}).catch(() => media.use("audio", null));
    this.#show();
  }

  async share(): Promise<void> {
    if (this.#media?.screen !== undefined) this.#media.unshare();
    else await this.#media?.share();
  }

  async #capture(video: boolean, signal: AbortSignal): Promise<LocalMedia> {
    if (video) return capture(undefined, { signal });
    try {
      return await capture({ audio: true }, { signal });
    } catch (error) {
      if (!SwitchboardError.is(error, "media_missing")) throw error;
      this.#page.note.value = { text: "No microphone found: you will not be heard." };
      return capture(new MediaStream());
    }
  }

  async #useTest(media: LocalMedia): Promise<void> {
    this.#test ??= startTestPicture(this.#page.me.peek()?.user ?? "?");
    const [track] = this.#test.stream.getVideoTracks();
    await media.use("video", track ?? null);
    this.#source = "test";
    this.#show();
  }

  #take(media: LocalMedia, source: "camera" | "audio"): void {
    if (this.#media !== media) this.close();
    this.#media = media;
    this.#source = source;
    media.on("change", () => this.#show());
    this.#show();
    this.#list().catch(() => undefined);
  }

  #show(): void {
    const media = this.#media;
    if (media === undefined) return;
    const camera = media.stream.getVideoTracks()[0]?.getSettings().deviceId;
    this.#page.own.value = {
      stream: media.stream,
      source: this.#source,
      soundOff: media.muted.audio,
      pictureOff: media.muted.video,
      sharing: media.screen !== undefined,
      pip: this.#pips !== undefined,
      cameras: this.#page.own.peek().cameras,
      ...(camera === undefined ? {} : { camera }),
    };
  }

  async #list(): Promise<void> {
    const devices = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
    const cameras = devices
      .filter((device) => device.kind === "videoinput" && device.deviceId !== "")
      .map((device, index) => ({ id: device.deviceId, label: device.label || `Camera ${index + 1}` }));
    this.#page.own.value = { ...this.#page.own.peek(), cameras };
  }
}

/** Why there is no camera, by an error of {@link OwnMedia.open}. */
export function troubleOf(error: unknown): CameraTrouble {
  if (SwitchboardError.is(error, "media_denied")) return "refused";
  if (SwitchboardError.is(error, "media_busy")) return "busy";
  return SwitchboardError.is(error, "media_missing") ? "none" : "insecure";
}
