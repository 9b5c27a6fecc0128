import type { Call, Client, Ended, LocalMedia } from "../client/index.ts";
import { outcomeOf } from "./endings.ts";
import type { LadderFeed } from "./ladder-feed.ts";
import { talkingStatus } from "./online-users.ts";
import type { Device, Page } from "./page.ts";
import type { Loss } from "./state.ts";
import { clock } from "./words.ts";

const qualityEvery = 2_000;
const silence = { soundOff: false, pictureOff: false };

/** The parts of the page that a call uses. */
interface CallParts {
  readonly page: Page;
  readonly feed: LadderFeed;
  label(user: string, device: string | undefined): string | undefined;
  /** The call was answered: it no longer rings. */
  answered(): void;
  /** The call is over. */
  free(): void;
}

/** The call that is on, of which there is one at most: what the SDK says of it becomes the page's state. */
export class CurrentCall {
  readonly #parts: CallParts;
  readonly #client: Client;
  #call: Call | undefined;
  /** The other end's device, until it moves. */
  #peerDevice: string | undefined;
  /** When media first flowed. */
  #since: number | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;
  #lines = 0;

  constructor(parts: CallParts, client: Client) {
    this.#parts = parts;
    this.#client = client;
    client.on("message", ({ from, body }) => {
      const text = (body as { chat?: unknown } | null)?.chat;
      if (typeof text === "string") this.#hear(from.user, text);
    });
  }

  get call(): Call | undefined {
    return this.#call;
  }

  /** Calls a user. */
  start(user: string, media: LocalMedia): void {
    const { page, feed } = this.#parts;
    feed.begin(user);
    page.tell({ type: "went", scene: { at: "calling", peer: user, ringing: [] } });
    this.take(this.#client.call(user, { media }));
  }

  /** Shows this call from now on, and ends the one before it. */
  take(call: Call): void {
    const { page, feed } = this.#parts;
    const before = this.#call;
    this.#call = call;
    this.#since = undefined;
    void before?.hangup();
    page.chat.value = [];
    page.unread.value = 0;
    call.on("change", () => this.#sync(call));
    call.on("moved", (peer) => {
      const label = this.#parts.label(peer.user, peer.device) ?? peer.name ?? "another device";
      if (peer.device !== this.#peerDevice) page.note.value = { text: `${peer.user} moved to ${label}.` };
    });
    void call.ended.then((ended) => this.#end(call, ended));
    clearInterval(this.#timer);
    this.#timer = setInterval(() => this.#measure(call), qualityEvery);
    if (call.id !== undefined) feed.begin(call.peer.user, call.id);
    this.#sync(call);
  }

  /** Shows the call again, after something else was shown. */
  show(): void {
    if (this.#call !== undefined) this.#sync(this.#call);
  }

  say(text: string): void {
    const call = this.#call;
    const { chat } = this.#parts.page;
    if (call === undefined) return;
    const { user, device } = call.peer;
    const id = ++this.#lines;
    const mark = (state: "sent" | "undelivered") => {
      chat.value = chat.value.map((line) => (line.id === id ? { ...line, state } : line));
    };
    chat.value = [...chat.value, { id, mine: true, text, state: "sending" }];
    this.#client.send(device === undefined ? user : `${user}/${device}`, { chat: text }).then(
      (sent) => mark(sent.delivered === 0 ? "undelivered" : "sent"),
      () => mark("undelivered"),
    );
  }

  async move(device: Device): Promise<void> {
    const { page } = this.#parts;
    page.moving.value = device.label;
    try {
      await this.#call?.move(device.id);
    } catch {
      page.note.value = { text: `${device.label} did not take the call. It continues here.` };
    } finally {
      page.moving.value = undefined;
    }
  }

  #sync(call: Call): void {
    if (this.#call !== call) return;
    const { page, feed } = this.#parts;
    const { peer } = call;
    this.#peerDevice = peer.device;
    if (call.id !== undefined) feed.name(call.id);
    page.remote.value = {
      stream: call.remote,
      ...(call.remoteScreen === undefined ? {} : { screen: call.remoteScreen }),
      soundOff: call.remoteMuted.audio,
      pictureOff: call.remoteMuted.video,
    };
    const label = (device: string | undefined, name = "a device") =>
      this.#parts.label(peer.user, device) ?? name;
    if (call.state === "ringing") {
      page.tell({
        type: "alerting",
        devices: call.ringing.map((one) => label(one.device, one.name ?? one.kind)),
      });
      return;
    }
    if (call.state === "ended") return;
    const before = page.model.peek().scene;
    page.tell({ type: "answered", peer: peer.user, device: label(peer.device, peer.name ?? peer.kind) });
    if (call.state === "connected") {
      this.#since ??= Date.now();
      page.tell({ type: "flowing", now: this.#since });
    }
    if (call.state === "reconnecting")
      page.tell({ type: "stalled", loss: { at: Date.now(), whose: this.#whose(call) } });
    if (before.at === "talking") return;
    this.#parts.answered();
    this.#client.setStatus(talkingStatus).catch(() => undefined);
  }

  #whose(call: Call): Loss["whose"] {
    if (this.#client.state !== "online") return "yours";
    return call.peerLink === "live" ? "unknown" : "theirs";
  }

  async #measure(call: Call): Promise<void> {
    if (call.state !== "connected" && call.state !== "reconnecting") return;
    const { path, rtt, loss, bitrate } = await call.stats();
    if (this.#call !== call || path === undefined) return;
    this.#parts.page.quality.value = {
      path,
      loss: loss[0],
      bitrate,
      ...(rtt === undefined ? {} : { delay: rtt }),
    };
  }

  #end(call: Call, ended: Ended): void {
    if (this.#call !== call) return;
    const { page } = this.#parts;
    const lasted = this.#since === undefined ? undefined : clock(Date.now() - this.#since);
    const peer = call.peer.user;
    const outcome = outcomeOf(ended, peer, page.me.peek()?.user ?? "", lasted);
    this.#call = undefined;
    clearInterval(this.#timer);
    page.quality.value = undefined;
    page.remote.value = silence;
    page.moving.value = undefined;
    page.sheet.value = undefined;
    this.#parts.free();
    this.#client.setStatus("").catch(() => undefined);
    if (outcome !== undefined && "scene" in outcome) {
      const device = this.#parts.label(page.me.peek()?.user ?? "", outcome.device) ?? outcome.device;
      page.tell({
        type: "went",
        scene: { at: "over", peer, ending: outcome.scene, ...(device === undefined ? {} : { device }) },
      });
      return;
    }
    if (outcome !== undefined) page.note.value = { text: outcome.note };
    page.tell({ type: "went", scene: { at: "directory" } });
  }

  #hear(user: string, text: string): void {
    const { page } = this.#parts;
    if (this.#call?.peer.user !== user) {
      page.note.value = { text: `${user}: ${text}` };
      return;
    }
    page.chat.value = [...page.chat.value, { id: ++this.#lines, mine: false, text, state: "sent" }];
    if (page.sheet.value !== "chat") page.unread.value++;
  }
}
