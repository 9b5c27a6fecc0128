import { type Client, connect, type Ended, type LocalMedia } from "../client/index.ts";
import { CurrentCall } from "./current-call.ts";
import { deviceKind, deviceName } from "./device-name.ts";
import { nameProblem, signInProblem } from "./endings.ts";
import { ladder } from "./ladder.ts";
import { LadderFeed } from "./ladder-feed.ts";
import { ladderText } from "./ladder-text.ts";
import { LinkWatch } from "./link-watch.ts";
import { MediaRequests } from "./media-requests.ts";
import { OnlineUsers } from "./online-users.ts";
import { OwnMedia } from "./own-media.ts";
import type { Actions, Device, Page } from "./page.ts";
import { createRingTone } from "./ring-tone.ts";
import { Ringer } from "./ringer.ts";
import type { MediaPurpose } from "./state.ts";

/** What exists while the user is signed in. */
interface Online {
  readonly client: Client;
  readonly how: "name" | "token";
  readonly users: OnlineUsers;
  readonly current: CurrentCall;
  readonly ringer: Ringer;
  readonly watch: LinkWatch;
}

/** Binds the SDK to the page: user actions become requests, events become state. */
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
    // Nobody has clicked in a page that went online by its address, and browsers give sound after a click only.
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
      url: location.origin + location.pathname,
      token: how === "name" ? `dev:${text}` : text,
      device: { kind: deviceKind(agent), name: label },
    });
    this.#feed.follow(client);
    const users = new OnlineUsers(this.#page, client, label);
    const current = new CurrentCall(
      {
        page: this.#page,
        feed: this.#feed,
        label: (user, device) => users.label(user, device),
        answered: () => this.#tone.stop(),
        free: () => this.#free(),
      },
      client,
    );
    const ringer = this.#ringer(users, current);
    const watch = new LinkWatch(this.#page, client, label);
    this.#page.me.value = undefined;
    this.#page.development.value = how === "name";
    this.#online = { client, how, users, current, ringer, watch };
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
      this.#online?.current.start(user, media);
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
    // Closing the browser's own dialog without a choice is not an error.
    this.#own.share().catch(() => undefined);
  }

  move(device: Device): void {
    void this.#online?.current.move(device);
  }

  hangUp(): void {
    void this.#online?.current.call?.hangup();
  }

  restartIce(): void {
    this.#online?.current.call?.restartIce().catch(() => undefined);
  }

  say(text: string): void {
    this.#online?.current.say(text);
  }

  again(): void {
    if (this.#last !== undefined) this.call(this.#last.user, this.#last.video);
  }

  tellWhenFree(): void {
    const last = this.#last;
    if (last === undefined) return;
    this.#online?.users.whenFree(last.user, () => {
      this.#page.note.value = {
        text: `${last.user} is free now.`,
        act: { label: "Call", run: () => this.call(last.user, last.video) },
      };
    });
    this.#page.note.value = { text: `You will be told when ${last.user} is free.` };
    this.dismiss();
  }

  dismiss(): void {
    const current = this.#online?.current;
    if (current?.call !== undefined) current.show();
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
    void this.#mediaRequests.want(purpose, peer, video, this.#online?.current.call !== undefined, go);
  }

  #ringer(users: OnlineUsers, current: CurrentCall): Ringer {
    return new Ringer({
      page: this.#page,
      feed: this.#feed,
      tone: this.#tone,
      label: (user, device) => users.label(user, device),
      want: (peer, video, go) => this.#want("answer", peer, video, go),
      took: (call, video) => {
        this.#last = { user: call.peer.user, video };
        current.take(call);
      },
      missed: (media) => {
        // The call that was on before continues, with the media that was opened for this one.
        if (current.call === undefined) this.#own.close();
        else void current.call.setMedia(media);
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

/** Keeps the name for a reload, and in the address, so that a second tab of the same user is one click away. */
function remember(name: string): void {
  history.replaceState(null, "", `?as=${encodeURIComponent(name)}`);
  try {
    localStorage.setItem("switchboard.name", name);
  } catch {
    // Without storage the page asks for the name again.
  }
}
