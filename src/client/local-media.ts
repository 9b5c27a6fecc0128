import type { Flags, Kind, LocalMedia } from "./api.ts";
import { dispose, Emitter } from "./emitter.ts";
import { abortable, type ErrorCode, quiet, SwitchboardError, toError } from "./error.ts";
import { isScreen, type Slot } from "./slots.ts";

/** Opens camera and microphone, and closes them again if `signal` has aborted meanwhile. */
export function openMedia(
  what: MediaStreamConstraints | MediaStream | undefined,
  signal: AbortSignal | undefined,
): Promise<SourceMedia> {
  const opening = open(what);
  // The caller is no longer there to close it.
  opening.then((media) => signal?.aborted && media.stop()).catch(() => {});
  return abortable(opening, signal);
}

async function open(what: MediaStreamConstraints | MediaStream | undefined): Promise<SourceMedia> {
  if (what && "getTracks" in what) return new SourceMedia(what, {});
  const how = what ?? (await existing());
  const stream = how.audio || how.video ? await openDevices(how) : new MediaStream();
  return new SourceMedia(stream, how);
}

function existing(): Promise<MediaStreamConstraints> {
  return ask(async (from) => {
    const kinds = (await from.enumerateDevices()).map(({ kind }) => kind);
    return { audio: kinds.includes("audioinput"), video: kinds.includes("videoinput") };
  });
}

const errorCodes: Readonly<Record<string, ErrorCode>> = {
  NotAllowedError: "media_denied",
  NotFoundError: "media_missing",
  OverconstrainedError: "media_missing",
  NotReadableError: "media_busy",
  AbortError: "media_busy",
};

/** What a report says of devices that were refused. */
interface Refusal {
  readonly state: "new";
  readonly refusedMedia: { readonly [K in Kind]?: string };
}

/** By kind, why the newest attempt to open it failed: the name of the browser's error. */
let refused: { readonly [K in Kind]?: string } = {};

function refusal(): Refusal | undefined {
  return refused.audio || refused.video ? { state: "new", refusedMedia: refused } : undefined;
}

/** Opens camera and microphone, and keeps why they were refused: reports of calls tell it. */
async function openDevices(how: MediaStreamConstraints): Promise<MediaStream> {
  const kinds = (["audio", "video"] as const).filter((kind) => how[kind]);
  const note = (name?: string) => {
    refused = { ...refused, ...Object.fromEntries(kinds.map((kind) => [kind, name])) };
  };
  try {
    const stream = await ask((from) => from.getUserMedia(how));
    note();
    return stream;
  } catch (error) {
    const { name } = ((error as Error).cause as Error) ?? {};
    if (name) note(name);
    throw Object.assign(error as Error, { stats: refusal() });
  }
}

async function ask<T>(question: (from: MediaDevices) => Promise<T>): Promise<T> {
  const from = globalThis.navigator?.mediaDevices;
  if (!from)
    throw new SwitchboardError(globalThis.isSecureContext === false ? "insecure_context" : "unsupported");
  try {
    return await question(from);
  } catch (error) {
    const known = toError(error, errorCodes[(error as Error).name] ?? "unsupported");
    known.cause ??= error;
    throw known;
  }
}

type How = MediaTrackConstraints | boolean | undefined;

/** One source for many calls. It stops the tracks that it opened, and never those of the application. */
export class SourceMedia extends Emitter<object> implements LocalMedia {
  readonly stream: MediaStream;
  screen: MediaStream | undefined;
  muted: Flags = { audio: false, video: false };
  readonly #own = new Set<MediaStreamTrack>();
  /** The constraints to open a kind again: after a mute has closed it, or when its replacement failed. */
  readonly #how: Record<Kind, How>;
  #turn: Promise<unknown> = Promise.resolve();
  #stopped = false;

  /** With constraints, the stream's tracks were opened here by them. */
  constructor(stream: MediaStream, { audio, video }: MediaStreamConstraints) {
    super();
    this.stream = stream;
    this.#how = { audio, video };
    if (audio || video) for (const track of stream.getTracks()) this.#adopt(track);
  }

  /** The track of a slot. */
  track(slot: Slot): MediaStreamTrack | undefined {
    return (isScreen(slot) ? this.screen : this.stream)?.getTracks().find(({ kind }) => slot.endsWith(kind));
  }

  /** What reports of a call tell of devices that were refused. */
  get stats(): Refusal | undefined {
    return refusal();
  }

  /** The kinds that can be sent, including a camera that is muted now. */
  get offers(): Flags {
    return {
      audio: !!this.track("audio"),
      video: !!this.track("video") || (this.muted.video && !!this.#how.video),
    };
  }

  mute(kind: Kind, on = true): Promise<void> {
    return this.#serial(async () => {
      if (this.muted[kind] === on) return;
      const track = this.track(kind);
      if (kind === "video" && on && track && this.#own.has(track)) {
        const { deviceId } = track.getSettings();
        this.#how.video = { ...(this.#how.video as object), ...(deviceId && { deviceId }) };
        this.#remove(track);
      } else if (!on && !track && this.#how[kind]) await this.#open(kind);
      else if (track) track.enabled = !on;
      this.muted = { ...this.muted, [kind]: on };
      this.changed();
    });
  }

  use(kind: Kind, source: MediaTrackConstraints | MediaStreamTrack | null): Promise<void> {
    return this.#serial(async () => {
      const old = this.track(kind);
      const before = this.#how[kind];
      const given = source && "kind" in source ? (source as MediaStreamTrack) : undefined;
      // Close the old one first: phones can open only one camera at a time.
      if (old) this.#remove(old);
      if (given) this.stream.addTrack(given);
      this.#how[kind] = given ? undefined : ((source as MediaTrackConstraints | null) ?? undefined);
      try {
        if (this.#how[kind] && !(kind === "video" && this.muted.video)) await this.#open(kind);
      } catch (error) {
        this.#how[kind] = before;
        if (old?.readyState === "live") this.stream.addTrack(old);
        else if (before) await this.#open(kind).catch(() => {});
        throw error;
      } finally {
        const track = this.track(kind);
        if (track) track.enabled = !this.muted[kind];
        this.changed();
      }
    });
  }

  share(options: DisplayMediaStreamOptions = { video: true }): Promise<MediaStream> {
    return this.#serial(async () => {
      const screen = await ask((from) => from.getDisplayMedia(options));
      this.unshare();
      this.screen = screen;
      for (const track of screen.getTracks()) this.#own.add(track);
      // The browser's own "Stop sharing".
      this.track("screenvideo")?.addEventListener("ended", () => this.screen === screen && this.unshare());
      this.changed();
      return screen;
    });
  }

  unshare(): void {
    const tracks = this.screen?.getTracks() ?? [];
    this.screen = undefined;
    for (const track of tracks) this.#remove(track);
    if (tracks.length > 0) this.changed();
  }

  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    for (const track of [...this.#own]) this.#remove(track);
    this.screen = undefined;
    this.finish({ reason: "closed" });
  }

  async [dispose](): Promise<void> {
    this.stop();
  }

  async #open(kind: Kind): Promise<void> {
    const { stream } = this;
    const opened = await openDevices({ [kind]: this.#how[kind] });
    for (const track of opened.getTracks()) {
      this.#adopt(track);
      stream.addTrack(track);
      if (this.#stopped) this.#remove(track);
    }
  }

  #adopt(track: MediaStreamTrack): void {
    this.#own.add(track);
    // The device was unplugged. Our own stop() fires no event.
    track.addEventListener("ended", () => {
      this.#remove(track);
      this.changed();
    });
  }

  #remove(track: MediaStreamTrack): void {
    this.stream.removeTrack(track);
    if (this.#own.delete(track)) track.stop();
  }

  /** Makes one change after another: two quick mutes must not open two cameras. */
  #serial<T>(act: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(act);
    this.#turn = turn.catch(() => {});
    return quiet(turn);
  }
}
