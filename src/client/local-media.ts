import type { Flags, Kind, LocalMedia, Media } from "./api.ts";
import { abortable, type ErrorCode, quiet, SwitchboardError, toError } from "./error.ts";
import { type Cancel, dispose, Emitter } from "./live.ts";

/** What a call can send: each goes over a sender of its own. */
export const slots = ["audio", "video", "screen", "screenAudio"] as const;
export type Slot = (typeof slots)[number];

/**
 * Opens camera and microphone. Nothing given: what exists, which may be nothing. A stream of your own is taken as it is, and
 * never stopped. Rejects with `media_denied`, `media_missing`, `media_busy`, `insecure_context` or `unsupported`.
 */
export function capture(
  what?: MediaStreamConstraints | MediaStream,
  options: Cancel = {},
): Promise<LocalMedia> {
  return openMedia(what, options.signal);
}

/** {@link capture}, typed for our own use. */
export function openMedia(
  what: MediaStreamConstraints | MediaStream | undefined,
  signal: AbortSignal | undefined,
): Promise<SourceMedia> {
  if (what && "getTracks" in what) return Promise.resolve(new SourceMedia(what, false));
  const opening = (async () => {
    const constraints = what ?? (await existing());
    if (!constraints.audio && !constraints.video) return new SourceMedia(new MediaStream(), true);
    const stream = await getMedia(constraints);
    return new SourceMedia(stream, true, constraints);
  })();
  // Too late for who asked: nobody else would close it.
  opening.then(
    (media) => signal?.aborted && media.stop(),
    () => {},
  );
  return abortable(opening, signal);
}

/** True when there is a stream to make: Node and Bun have none of their own. */
export function canCapture(): boolean {
  return typeof navigator !== "undefined" && "mediaDevices" in navigator;
}

/** What `media` means for a call: whose it is, and whether the call closes it. */
export async function resolveMedia(
  media: Media | undefined,
  signal: AbortSignal | undefined,
): Promise<{ media: SourceMedia | undefined; owned: boolean }> {
  if (media instanceof SourceMedia) return { media, owned: false };
  if (media === false || (media === undefined && !canCapture())) return { media: undefined, owned: false };
  if (media && "stream" in media)
    throw new SwitchboardError("unsupported", "This LocalMedia is of another copy of the library.");
  return { media: await openMedia(media, signal), owned: true };
}

async function existing(): Promise<MediaStreamConstraints> {
  const devices = await devicesOf().enumerateDevices();
  const has = (kind: string) => devices.some((device) => device.kind === kind);
  return { audio: has("audioinput"), video: has("videoinput") };
}

function devicesOf(): MediaDevices {
  if (canCapture()) return navigator.mediaDevices;
  if (globalThis.isSecureContext === false)
    throw new SwitchboardError("insecure_context", "Camera and microphone need https or localhost.");
  throw new SwitchboardError("unsupported", "This platform has no camera or microphone; give a MediaStream.");
}

const errorNames: Readonly<Record<string, ErrorCode>> = {
  NotAllowedError: "media_denied",
  SecurityError: "media_denied",
  NotFoundError: "media_missing",
  OverconstrainedError: "media_missing",
  NotReadableError: "media_busy",
  AbortError: "media_busy",
};

async function asked<T>(ask: (devices: MediaDevices) => Promise<T>): Promise<T> {
  try {
    return await ask(devicesOf());
  } catch (error) {
    throw toError(error, errorNames[(error as Error).name] ?? "unsupported");
  }
}

function getMedia(constraints: MediaStreamConstraints): Promise<MediaStream> {
  return asked((devices) => devices.getUserMedia(constraints));
}

/** One source for many calls. Who opened a track closes it: those opened here are stopped, yours never. */
export class SourceMedia extends Emitter<object> implements LocalMedia {
  readonly stream: MediaStream;
  screen: MediaStream | undefined;
  muted: Flags = { audio: false, video: false };
  #own = new Set<MediaStreamTrack>();
  /** How to open a camera again that a mute has closed. */
  #constraints: Partial<Record<Kind, MediaTrackConstraints | boolean>>;
  #turn: Promise<unknown> = Promise.resolve();
  #stopped = false;

  constructor(stream: MediaStream, own: boolean, constraints: MediaStreamConstraints = {}) {
    super();
    this.stream = stream;
    this.#constraints = {
      ...(constraints.audio !== undefined && { audio: constraints.audio }),
      ...(constraints.video !== undefined && { video: constraints.video }),
    };
    if (own) for (const track of stream.getTracks()) this.#adopt(track);
  }

  /** The track of a slot, and whether it sends nothing for now. */
  track(slot: Slot): MediaStreamTrack | undefined {
    if (slot === "audio") return this.stream.getAudioTracks()[0];
    if (slot === "video") return this.stream.getVideoTracks()[0];
    return slot === "screen" ? this.screen?.getVideoTracks()[0] : this.screen?.getAudioTracks()[0];
  }

  /** What is there to send, a camera that is muted for now included. */
  get offers(): Flags {
    return { audio: this.#has("audio"), video: this.#has("video") };
  }

  mute(kind: Kind, on = true): Promise<void> {
    return this.#serial(async () => {
      if (this.muted[kind] === on) return;
      const track = this.track(kind);
      if (kind === "video" && on && track && this.#own.has(track)) {
        this.#constraints.video = { ...asObject(this.#constraints.video), ...sameDevice(track) };
        this.#remove(track);
      } else if (kind === "video" && !on && !track && this.#constraints.video)
        await this.#open(kind, this.#constraints.video);
      else if (track) track.enabled = !on;
      this.muted = { ...this.muted, [kind]: on };
      this.changed();
    });
  }

  use(kind: Kind, source: MediaTrackConstraints | MediaStreamTrack | null): Promise<void> {
    return this.#serial(async () => {
      const old = this.track(kind);
      const before = this.#constraints[kind];
      if (source && "readyState" in source) {
        if (old) this.#remove(old);
        this.#constraints[kind] = false;
        this.stream.addTrack(source);
      } else {
        // The old one first: phones can open one camera at a time.
        if (old) this.#remove(old);
        this.#constraints[kind] = source ?? false;
        if (source && !(kind === "video" && this.muted.video)) {
          try {
            await this.#open(kind, source);
          } catch (error) {
            this.#constraints[kind] = before ?? false;
            if (old && old.readyState === "live") this.stream.addTrack(old);
            else if (before) await this.#open(kind, before).catch(() => {});
            this.changed();
            throw error;
          }
        }
      }
      const track = this.track(kind);
      if (track) track.enabled = !this.muted[kind];
      this.changed();
    });
  }

  share(options: DisplayMediaStreamOptions = { video: true }): Promise<MediaStream> {
    return this.#serial(async () => {
      const screen = await asked((devices) => devices.getDisplayMedia(options));
      this.unshare();
      this.screen = screen;
      for (const track of screen.getTracks()) this.#own.add(track);
      // The browser's own "Stop sharing".
      screen.getVideoTracks()[0]?.addEventListener("ended", () => {
        if (this.screen === screen) this.unshare();
      });
      this.changed();
      return screen;
    });
  }

  unshare(): void {
    const screen = this.screen;
    if (!screen) return;
    this.screen = undefined;
    for (const track of screen.getTracks()) this.#close(track);
    this.changed();
  }

  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.unshare();
    for (const track of [...this.#own]) this.#remove(track);
    this.finish();
  }

  async [dispose](): Promise<void> {
    this.stop();
  }

  #has(kind: Kind): boolean {
    return (
      this.track(kind) !== undefined || (kind === "video" && this.muted.video && !!this.#constraints.video)
    );
  }

  async #open(kind: Kind, constraints: MediaTrackConstraints | boolean): Promise<void> {
    const stream = await getMedia({ [kind]: constraints });
    for (const track of stream.getTracks()) {
      if (this.#stopped) track.stop();
      else {
        this.#adopt(track);
        this.stream.addTrack(track);
      }
    }
  }

  #adopt(track: MediaStreamTrack): void {
    this.#own.add(track);
    // Unplugged: what is gone is not sent any more. Our own stop() fires no event.
    track.addEventListener("ended", () => {
      this.#remove(track);
      this.changed();
    });
  }

  #remove(track: MediaStreamTrack): void {
    this.stream.removeTrack(track);
    this.#close(track);
  }

  #close(track: MediaStreamTrack): void {
    if (this.#own.delete(track)) track.stop();
  }

  /** One change after another: two quick mutes must not open two cameras. */
  #serial<T>(act: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(act);
    this.#turn = turn.catch(() => {});
    return quiet(turn);
  }
}

function asObject(constraints: MediaTrackConstraints | boolean | undefined): MediaTrackConstraints {
  return typeof constraints === "object" ? constraints : {};
}

function sameDevice(track: MediaStreamTrack): MediaTrackConstraints {
  const { deviceId } = track.getSettings();
  return deviceId ? { deviceId } : {};
}
