import { batch, type Signal, signal } from "@preact/signals";
import {
  type Broadcast,
  type BroadcastStats,
  type Client,
  connect,
  type Ended,
  SwitchboardError,
} from "../../client/index.ts";
import { base } from "../base.ts";
import { deviceKind, deviceName } from "../device-name.ts";
import { nameProblem, signInProblem } from "../endings.ts";
import { troubleOf } from "../own-media.ts";
import type { CameraTrouble, SignInProblem } from "../state.ts";
import { type Source, StudioSource } from "./studio-source.ts";

/** Where the page is. */
export type StudioScene =
  | { readonly at: "form"; readonly problem?: SignInProblem }
  | { readonly at: "opening" }
  | { readonly at: "no-camera"; readonly trouble: CameraTrouble }
  | { readonly at: "studio" };

/** A broadcast as the page shows it. */
export interface OnAir {
  readonly state: Broadcast["state"];
  readonly viewers: number;
  /** Why it isn't live, in words. */
  readonly trouble: string | undefined;
  /** When it was first live, in ms of `Date.now()`. */
  readonly since: number | undefined;
  readonly stats: BroadcastStats | undefined;
}

/** What is sent, as the page shows it. */
export interface Sending {
  readonly stream: MediaStream;
  readonly source: Source;
  readonly soundOff: boolean;
  readonly pictureOff: boolean;
  readonly hasSound: boolean;
}

const lookEvery = 1_000;

/** Signs in, opens a source, and publishes it: what the page of a broadcaster does. */
export class Studio {
  readonly scene: Signal<StudioScene> = signal<StudioScene>({ at: "form" });
  readonly user = signal("alice");
  readonly stream = signal("lobby");
  readonly sending = signal<Sending | undefined>(undefined);
  readonly onAir = signal<OnAir | undefined>(undefined);
  /** A short message. */
  readonly note = signal<{ readonly text: string } | undefined>(undefined);
  readonly #source = new StudioSource(() => this.#show());
  #client: Client | undefined;
  #broadcast: Broadcast | undefined;
  #stop = new AbortController();

  /** Signs in and opens the camera. */
  enter(text: string, how: "name" | "token"): void {
    const problem = how === "name" ? nameProblem(text) : undefined;
    if (problem !== undefined) {
      this.scene.value = { at: "form", problem };
      return;
    }
    const agent = navigator.userAgent;
    const client = connect({
      url: base,
      token: how === "name" ? `dev:${text}` : text,
      device: { kind: deviceKind(agent), name: `${deviceName(agent)}, broadcasting` },
    });
    this.#client = client;
    void client.closed.then((ended) => {
      if (this.#client === client) this.#signedOut(signInProblem(ended, how));
    });
    this.scene.value = { at: "opening" };
    void this.#open("camera", client.ready);
  }

  /** Continues with this source where the camera could not be opened. */
  without(source: Source): void {
    this.scene.value = { at: "opening" };
    void this.#open(source, Promise.resolve());
  }

  /** Back to the form. */
  leave(): void {
    const client = this.#client;
    this.#signedOut(undefined);
    void client?.close();
  }

  start(): void {
    const { media } = this.#source;
    if (this.#client === undefined || media === undefined || this.onAir.peek() !== undefined) return;
    this.note.value = undefined;
    this.onAir.value = {
      state: "connecting",
      viewers: 0,
      trouble: undefined,
      since: undefined,
      stats: undefined,
    };
    this.#stop = new AbortController();
    void this.#publish(this.#client, this.#stop.signal);
  }

  stop(): void {
    this.#stop.abort();
    void this.#broadcast?.stop();
    this.#broadcast = undefined;
    this.onAir.value = undefined;
  }

  use(source: Source): void {
    this.#source.use(source).catch((error) => {
      // Closing the browser's own dialog without a choice is not an error.
      if (source !== "screen") this.note.value = { text: `That did not work: ${(error as Error).message}` };
      this.#show();
    });
  }

  mute(kind: "audio" | "video"): void {
    const { media } = this.#source;
    media?.mute(kind, !media.muted[kind]).catch((error: Error) => {
      this.note.value = { text: `That did not work: ${error.message}` };
    });
  }

  async copy(link: string): Promise<void> {
    try {
      await navigator.clipboard.writeText(link);
      this.note.value = { text: "The link is on the clipboard." };
    } catch {
      this.note.value = {
        text: "The browser did not let the page copy. Select the link and copy it yourself.",
      };
    }
  }

  async #open(source: Source, ready: Promise<void>): Promise<void> {
    const client = this.#client;
    try {
      await ready;
    } catch {
      // `closed` says why, and leads back to the form.
      return;
    }
    try {
      await this.#source.open(source);
      if (this.#client !== client) this.#source.close();
      else this.scene.value = { at: "studio" };
    } catch (error) {
      if (this.#client === client) this.scene.value = { at: "no-camera", trouble: troubleOf(error) };
    }
  }

  async #publish(client: Client, signal: AbortSignal): Promise<void> {
    const { media } = this.#source;
    try {
      const broadcast = await client.publish(this.stream.peek(), { media, simulcast: true, signal });
      if (signal.aborted) return;
      this.#broadcast = broadcast;
      const show = () => this.#broadcast === broadcast && this.#showAir(broadcast);
      broadcast.on("change", show);
      show();
      const timer = setInterval(async () => {
        const stats = await broadcast.stats();
        const before = this.onAir.peek();
        if (this.#broadcast === broadcast && before !== undefined) this.onAir.value = { ...before, stats };
      }, lookEvery);
      const ended = await broadcast.ended;
      clearInterval(timer);
      if (this.#broadcast === broadcast) this.#off(endText(ended));
    } catch (error) {
      if (!signal.aborted) this.#off(troubleText(error as Error) ?? String(error));
    }
  }

  #off(text: string): void {
    this.#broadcast = undefined;
    this.onAir.value = undefined;
    this.note.value = { text };
  }

  #showAir({ state, viewers, error }: Broadcast): void {
    const before = this.onAir.peek();
    const since = before?.since ?? (state === "live" ? Date.now() : undefined);
    const trouble = state === "live" ? undefined : troubleText(error);
    this.onAir.value = { state, viewers, trouble, since, stats: before?.stats };
  }

  #show(): void {
    const { media, source } = this.#source;
    this.sending.value = media && {
      stream: media.stream,
      source,
      soundOff: media.muted.audio,
      pictureOff: media.muted.video,
      hasSound: media.stream.getAudioTracks().length > 0,
    };
  }

  #signedOut(problem: SignInProblem | undefined): void {
    batch(() => {
      this.stop();
      this.#client = undefined;
      this.#source.close();
      this.sending.value = undefined;
      this.scene.value = { at: "form", ...(problem && { problem }) };
    });
  }
}

/** Why a broadcast is not live yet, or not any more; undefined where nothing is wrong. */
function troubleText(error: Error | undefined): string | undefined {
  if (error === undefined) return undefined;
  if (!SwitchboardError.is(error)) return error.message;
  switch (error.code) {
    case "stream_taken":
      return "Somebody else is live under this name. Yours begins as soon as theirs ends.";
    case "media_full":
      return "The server has no room. Yours begins as soon as there is some.";
    case "forbidden":
      return "You may not broadcast under this name.";
    case "no_media_server":
      return "This server runs no media server.";
    default:
      return "The connection was lost. It comes back by itself.";
  }
}

function endText({ reason, error }: Ended): string {
  if (reason === "forbidden") return "The server does not let you broadcast under this name.";
  if (reason === "replaced") return "Somebody else took over the broadcast.";
  return troubleText(error) ?? "The server ended the broadcast.";
}
