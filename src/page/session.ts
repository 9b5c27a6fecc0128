import { type Client, connect, type Ended, type LocalMedia } from "../client/index.ts";
import { CallDesk } from "./call-desk.ts";
import { deviceKind, deviceName } from "./device-name.ts";
import { nameProblem, signInProblem } from "./endings.ts";
import { FrontRoom } from "./front-room.ts";
import { ladder } from "./ladder.ts";
import { LadderFeed } from "./ladder-feed.ts";
import { ladderText } from "./ladder-text.ts";
import { LinkWatch } from "./link-watch.ts";
import { MediaRequests } from "./media-requests.ts";
import { OwnMedia } from "./own-media.ts";
import type { Actions, Device, Page } from "./page.ts";
import { createRingTone } from "./ring-tone.ts";
import { Ringer } from "./ringer.ts";
import type { MediaPurpose } from "./state.ts";

/** What one is signed in with, and all that lives as long. */
interface Online {
  readonly client: Client;
  readonly how: "name" | "token";
  readonly room: FrontRoom;
  readonly desk: CallDesk;
  readonly ringer: Ringer;
  readonly watch: LinkWatch;
}

/** Binds the SDK to the page: what a person does becomes a request, what happens becomes state. */
export class Session implements Actions {
  readonly #page: Page;
  readonly #own: OwnMedia;
  readonly #feed: LadderFeed;
  readonly #mediaRequests: MediaRequests;
  readonly #tone = createRingTone();
  #online: Online | undefined;
  #last: { readonly user: string; readonly video: boolean } | undefined;
  #credentials: { readonly text: string; readonly how: "name" | "token" } | undefined;

  constructor(page: Page) {
    this.#page = page;
    this.#own = new OwnMedia(page);
    this.#mediaRequests = new MediaRequests(page, this.#own);
    this.#feed = new LadderFeed(page);
    // A page that went online by its address has not been touched yet.
    for (const touch of ["pointerdown", "keydown"])
      addEventListener(touch, () => this.#tone.unlock(), { once: true });
  }

  goOnline(text: string, how: "name" | "token"): void {
    const problem = how === "name" ? nameProblem(text) : undefined;
    if (problem !== undefined) {
      this.#page.tell({ type: "went", scene: { at: "signed-out", problem } });
      return;
    }
    this.#tone.unlock();
    this.#credentials = { text, how };
    if (how === "name") remember(text);
    this.#page.tell({ type: "went", scene: { at: "going-online" } });
    const agent = navigator.userAgent;
    const label = deviceName(agent);
    const client = connect({
      token: how === "name" ? `dev:${text}` : text,
      device: { kind: deviceKind(agent), name: label },
    });
    this.#feed.follow(client);
    const room = new FrontRoom(this.#page, client, label);
    const desk = new CallDesk(
      {
        page: this.#page,
        feed: this.#feed,
        label: (user, device) => room.label(user, device),
        answered: () => this.#tone.stop(),
        free: () => this.#free(),
      },
      client,
    );
    const ringer = this.#ringer(room, desk);
    const watch = new LinkWatch(this.#page, client, label);
    this.#page.me.value = undefined;
    this.#online = { client, how, room, desk, ringer, watch };
    client.on("incoming", (ring) => ringer.rung(ring));
    void client.closed.then((ended) => this.#closed(client, ended));
  }

  goOffline(): void {
    const client = this.#online?.client;
    this.#leave();
    void client?.close();
    this.#page.tell({ type: "went", scene: { at: "signed-out" } });
  }

  retry(): void {
    this.#online?.client.retry();
  }

  useHere(): void {
    const again = this.#credentials;
    if (again !== undefined) this.goOnline(again.text, again.how);
  }

  preview(on: boolean): void {
    if (on) this.#want("preview", "", true, () => this.dismiss());
    else this.#own.close();
  }

  call(user: string, video: boolean): void {
    this.#last = { user, video };
    this.#page.note.value = undefined;
    this.#want("call", user, video, (media) => {
      this.#online?.desk.place(user, media);
      this.#tone.start(true);
    });
  }

  cancel(): void {
    const { purpose } = this.#mediaRequests;
    if (purpose === undefined) {
      this.hangUp();
      return;
    }
    this.#mediaRequests.drop();
    if (purpose === "answer") this.#page.tell({ type: "answering", on: false });
    this.dismiss();
  }

  without(instead: "test" | "audio" | "retry"): void {
    void this.#mediaRequests.without(instead);
  }

  accept(video: boolean): void {
    this.#online?.ringer.accept(video);
  }

  decline(everywhere: boolean): void {
    this.#online?.ringer.decline(everywhere);
  }

  hush(): void {
    this.#tone.stop();
  }

  mute(kind: "audio" | "video"): void {
    this.#try(this.#own.mute(kind));
  }

  camera(id: string | "test"): void {
    this.#try(this.#own.camera(id));
  }

  pip(on: boolean): void {
    this.#try(this.#own.pip(on));
  }

  share(): void {
    // Dismissing the browser's own picker is no fault.
    this.#own.share().catch(() => undefined);
  }

  move(device: Device): void {
    void this.#online?.desk.move(device);
  }

  hangUp(): void {
    void this.#online?.desk.call?.hangup();
  }

  restartIce(): void {
    this.#online?.desk.call?.restartIce().catch(() => undefined);
  }

  say(text: string): void {
    this.#online?.desk.say(text);
  }

  again(): void {
    if (this.#last !== undefined) this.call(this.#last.user, this.#last.video);
  }

  tellWhenFree(): void {
    const last = this.#last;
    if (last === undefined) return;
    this.#online?.room.whenFree(last.user, () => {
      this.#page.note.value = {
        text: `${last.user} is free now.`,
        act: { label: "Call", run: () => this.call(last.user, last.video) },
      };
    });
    this.#page.note.value = { text: `You will be told when ${last.user} is free.` };
    this.dismiss();
  }

  dismiss(): void {
    const desk = this.#online?.desk;
    if (desk?.call !== undefined) desk.show();
    else this.#page.tell({ type: "went", scene: { at: "directory" } });
  }

  async copyLadder(): Promise<void> {
    const frames = this.#page.frames.peek();
    try {
      await navigator.clipboard.writeText(ladderText(ladder(frames), frames.me, frames.peer));
      this.#page.note.value = { text: "The ladder is on the clipboard." };
    } catch {
      this.#page.note.value = { text: "The browser did not let the page copy." };
    }
  }

  #want(purpose: MediaPurpose, peer: string, video: boolean, go: (media: LocalMedia) => void): void {
    void this.#mediaRequests.want(purpose, peer, video, this.#online?.desk.call !== undefined, go);
  }

  #ringer(room: FrontRoom, desk: CallDesk): Ringer {
    return new Ringer({
      page: this.#page,
      feed: this.#feed,
      tone: this.#tone,
      label: (user, device) => room.label(user, device),
      want: (peer, video, go) => this.#want("answer", peer, video, go),
      took: (call, video) => {
        this.#last = { user: call.peer.user, video };
        desk.take(call);
      },
      missed: (media) => {
        // A call that was on before goes on, with what was opened for this one.
        if (desk.call === undefined) this.#own.close();
        else void desk.call.setMedia(media);
        this.dismiss();
      },
      over: () => {
        if (this.#mediaRequests.purpose === "answer") this.cancel();
      },
    });
  }

  /** The call is over. */
  #free(): void {
    this.#tone.stop();
    this.#own.close();
  }

  #closed(client: Client, ended: Ended): void {
    if (this.#online?.client !== client) return;
    const { how } = this.#online;
    this.#leave();
    const problem = signInProblem(ended, how);
    this.#page.tell({
      type: "went",
      scene: problem === undefined ? { at: "replaced" } : { at: "signed-out", problem },
    });
  }

  #leave(): void {
    this.#online?.watch.stop();
    this.#online = undefined;
    this.#free();
    this.#page.people.value = [];
    this.#page.mine.value = [];
    this.#page.crowd.value = undefined;
    this.#page.tell({ type: "online" });
    this.#page.tell({ type: "ring-over" });
    this.#mediaRequests.drop();
  }

  #try(done: Promise<void>): void {
    done.catch((error: Error) => {
      this.#page.note.value = { text: `That did not work: ${error.message}` };
    });
  }
}

/** The name comes back with a reload, and stands in the address, so that a second tab of the same user is one click. */
function remember(name: string): void {
  history.replaceState(null, "", `/?as=${encodeURIComponent(name)}`);
  try {
    localStorage.setItem("switchboard.name", name);
  } catch {
    // Storage may be forbidden; then the name is asked for again.
  }
}
