import type { Client } from "../client/index.ts";
import type { Told } from "./ladder.ts";
import type { Page } from "./page.ts";

const kept = 600;
const pause = 60;

interface Letter {
  readonly session: string;
  readonly from: string;
  readonly frames: readonly Told[];
}

/** Keeps the frames that the ladder is drawn from, and trades them with the far end when that is a tab of this browser. */
export class LadderFeed {
  readonly #page: Page;
  readonly #channel = new BroadcastChannel("switchboard.ladder");
  #frames: Told[] = [];
  #far: readonly Told[] = [];
  #story: { peer: string; since: number; session?: string } = { peer: "", since: 0 };
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(page: Page) {
    this.#page = page;
    this.#channel.onmessage = ({ data }: MessageEvent<Letter>) => {
      if (data.session !== this.#story.session || data.from !== this.#story.peer) return;
      this.#far = data.frames;
      this.#draw();
    };
  }

  follow(client: Client): void {
    this.begin("");
    client.on("frame", (told) => {
      this.#frames.push(told);
      if (this.#frames.length > kept) this.#frames = this.#frames.slice(-kept / 2);
      this.#timer ??= setTimeout(() => {
        this.#timer = undefined;
        this.#tell();
      }, pause);
    });
  }

  /** A new story: a call to `peer`, or none. `session` may be told later. */
  begin(peer: string, session?: string): void {
    const first = this.#frames.findLast(
      ({ frame }) => frame.session === session && (frame.type === "incoming" || frame.type === "session"),
    );
    this.#far = [];
    this.#story = { peer, since: first?.at ?? Date.now() };
    if (session !== undefined) this.name(session);
    this.#draw();
  }

  /** The server has named the call of this story. */
  name(session: string): void {
    if (this.#story.session === session) return;
    this.#story = { ...this.#story, session };
    this.#tell();
  }

  #tell(): void {
    this.#draw();
    const { session, since } = this.#story;
    const from = this.#page.me.peek()?.user;
    if (session === undefined || from === undefined) return;
    const asked = new Set<unknown>();
    const frames = this.#frames.filter(({ at, frame }) => {
      if (at < since) return false;
      if (frame.session === session) asked.add(frame.id);
      return frame.session === session || frame.type === "call" || asked.has(frame.re);
    });
    this.#channel.postMessage({ session, from, frames } satisfies Letter);
  }

  #draw(): void {
    const me = this.#page.me.peek()?.user ?? "you";
    this.#page.frames.value = { me, ...this.#story, near: [...this.#frames], far: this.#far };
  }
}
