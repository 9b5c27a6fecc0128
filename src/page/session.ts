import { type Client, connect, type Ended, type IncomingCall, type LocalMedia } from "../client/index.ts";
import { CallDesk } from "./call-desk.ts";
import { deviceKind, deviceName } from "./device-name.ts";
import { nameProblem, signInProblem } from "./endings.ts";
import { FrontRoom } from "./front-room.ts";
import { ladder } from "./ladder.ts";
import { LadderFeed } from "./ladder-feed.ts";
import { ladderText } from "./ladder-text.ts";
import { OwnMedia, troubleOf } from "./own-media.ts";
import type { Actions, Device, Page } from "./page.ts";
import { createRingTone } from "./ring-tone.ts";
import { inCall, type Wish } from "./state.ts";

/** A link that comes back within this time is not worth a word. */
const grace = 900;
const lookEvery = 300;
/** A browser that answers within this time has not asked anybody. */
const asks = 400;

/** Something that waits for media. */
interface Waiting {
  readonly wish: Wish;
  readonly peer: string;
  readonly video: boolean;
  readonly stop: AbortController;
  go(media: LocalMedia): void;
}

/** What one is signed in with, and all that lives as long. */
interface Online {
  readonly client: Client;
  readonly how: "name" | "token";
  readonly room: FrontRoom;
  readonly desk: CallDesk;
}

/** Binds the SDK to the page: what a person does becomes a request, what happens becomes state. */
export class Session implements Actions {
  readonly #page: Page;
  readonly #own: OwnMedia;
  readonly #feed: LadderFeed;
  readonly #tone = createRingTone();
  #online: Online | undefined;
  #ring: IncomingCall | undefined;
  #waiting: Waiting | undefined;
  #watch: ReturnType<typeof setInterval> | undefined;
  /** When the link was last seen to be up. */
  #upAt = 0;
  #last: { readonly user: string; readonly video: boolean } | undefined;
  #credentials: { readonly text: string; readonly how: "name" | "token" } | undefined;

  constructor(page: Page) {
    this.#page = page;
    this.#own = new OwnMedia(page);
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
    this.#online = { client, how, room, desk };
    this.#upAt = Date.now();
    clearInterval(this.#watch);
    this.#watch = setInterval(() => this.#look(client), lookEvery);
    client.on("change", () => this.#sync(client, label));
    client.on("incoming", (ring) => this.#rung(ring));
    void client.closed.then((ended) => this.#closed(client, ended));
  }

  goOffline(): void {
    const client = this.#online?.client;
    this.#online = undefined;
    void client?.close();
    this.#leave();
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
    if (on)
      void this.#want("preview", "", true, () =>
        this.#page.tell({ type: "went", scene: { at: "directory" } }),
      );
    else this.#own.close();
  }

  call(user: string, video: boolean): void {
    this.#last = { user, video };
    this.#page.note.value = undefined;
    void this.#want("call", user, video, (media) => {
      this.#online?.desk.place(user, media);
      this.#tone.start(true);
    });
  }

  cancel(): void {
    const waiting = this.#waiting;
    if (waiting === undefined) {
      void this.#online?.desk.call?.hangup();
      return;
    }
    this.#waiting = undefined;
    waiting.stop.abort();
    if (waiting.wish === "answer") this.#page.tell({ type: "answering", on: false });
    this.dismiss();
  }

  without(instead: "test" | "audio" | "retry"): void {
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    this.#waiting = undefined;
    waiting.stop.abort();
    if (instead === "retry") {
      void this.#want(waiting.wish, waiting.peer, waiting.video, waiting.go);
      return;
    }
    void this.#own.openInstead(instead).then((media) => waiting.go(media));
  }

  accept(video: boolean): void {
    const ring = this.#ring;
    if (ring === undefined) return;
    this.#tone.stop();
    this.#page.tell({ type: "answering", on: true });
    void this.#want("answer", ring.from.user, video, async (media) => {
      try {
        this.#online?.desk.take(await ring.accept({ media }));
        this.#last = { user: ring.from.user, video };
      } catch {
        // The ring's end tells why. A call that was on before goes on, with what was opened for this one.
        const before = this.#online?.desk.call;
        if (before === undefined) this.#own.close();
        else void before.setMedia(media);
        this.dismiss();
      }
    });
  }

  decline(everywhere: boolean): void {
    void this.#ring?.decline({ everywhere });
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

  /** Gets media for a wish; the page shows the browser's question, or why there is no camera. */
  async #want(wish: Wish, peer: string, video: boolean, go: (media: LocalMedia) => void): Promise<void> {
    this.#waiting?.stop.abort();
    const waiting: Waiting = { wish, peer, video, go, stop: new AbortController() };
    this.#waiting = waiting;
    const engaged = this.#online?.desk.call !== undefined;
    const timer = setTimeout(() => {
      if (!engaged) this.#page.tell({ type: "went", scene: { at: "asking", wish, peer } });
    }, asks);
    try {
      const media = await this.#own.open(video, waiting.stop.signal);
      if (this.#waiting !== waiting) return;
      this.#waiting = undefined;
      go(media);
    } catch (error) {
      if (this.#waiting !== waiting) return;
      this.#page.tell({ type: "went", scene: { at: "no-camera", wish, peer, trouble: troubleOf(error) } });
    } finally {
      clearTimeout(timer);
    }
  }

  #sync(client: Client, label: string): void {
    if (this.#online?.client !== client) return;
    const { self } = client;
    if (self?.device !== undefined && self.device !== this.#page.me.peek()?.device)
      this.#page.me.value = { user: self.user, device: self.device, label };
    if (client.state !== "online") return;
    this.#upAt = Date.now();
    this.#page.tell({ type: "online" });
  }

  /** A link that stays away for a moment is away; when the next attempt is due changes with each. */
  #look(client: Client): void {
    const now = Date.now();
    if (client.state === "online") this.#upAt = now;
    else if (now - this.#upAt > grace) this.#page.tell({ type: "away", again: client.retryAt });
  }

  #rung(ring: IncomingCall): void {
    if (this.#ring !== undefined) {
      void ring.decline({ reason: "busy" });
      return;
    }
    this.#ring = ring;
    const { from, movedFrom } = ring;
    const { room } = this.#online ?? {};
    const engaged = inCall(this.#page.model.peek().scene);
    this.#page.tell({
      type: "rang",
      ring: {
        from: from.user,
        device: room?.label(from.user, from.device) ?? from.name ?? "a device",
        video: ring.wants.video,
        ...(movedFrom === undefined
          ? {}
          : { movedFrom: room?.label(this.#page.me.peek()?.user ?? "", movedFrom) ?? "other device" }),
        answering: false,
      },
    });
    if (!engaged) this.#feed.begin(from.user, ring.id);
    this.#tone.start();
    void ring.ended.then((ended) => this.#rungOut(ring, ended));
  }

  #rungOut(ring: IncomingCall, ended: Ended): void {
    if (this.#ring !== ring) return;
    this.#ring = undefined;
    this.#tone.stop();
    this.#page.tell({ type: "ring-over" });
    const user = ring.from.user;
    const where =
      this.#online?.room.label(this.#page.me.peek()?.user ?? "", ended.device) ?? "another device";
    const notes: Partial<Record<Ended["reason"], string>> = {
      answered_elsewhere: `Answered on ${where}`,
      declined_elsewhere: `Declined on ${where}`,
      cancelled: `You missed a call from ${user}.`,
      no_answer: `You missed a call from ${user}.`,
      unreachable: `You missed a call from ${user}.`,
      lost: `${user}’s connection was lost.`,
      unconfirmed: `${user} was gone before the call stood.`,
    };
    const text = ring.movedFrom === undefined ? notes[ended.reason] : undefined;
    if (text !== undefined) this.#page.note.value = { text };
    if (this.#waiting?.wish === "answer") this.cancel();
  }

  /** The call is over. */
  #free(): void {
    this.#tone.stop();
    this.#own.close();
  }

  #closed(client: Client, ended: Ended): void {
    if (this.#online?.client !== client) return;
    const { how } = this.#online;
    this.#online = undefined;
    this.#leave();
    const problem = signInProblem(ended, how);
    this.#page.tell({
      type: "went",
      scene: problem === undefined ? { at: "replaced" } : { at: "signed-out", problem },
    });
  }

  #leave(): void {
    clearInterval(this.#watch);
    this.#free();
    this.#page.people.value = [];
    this.#page.mine.value = [];
    this.#page.crowd.value = undefined;
    this.#page.tell({ type: "online" });
    this.#page.tell({ type: "ring-over" });
    this.#ring = undefined;
    this.#waiting?.stop.abort();
    this.#waiting = undefined;
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
