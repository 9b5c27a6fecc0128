import type { Client } from "../client/index.ts";
import type { TimedFrame } from "./ladder-model.ts";
import type { Page } from "./page.ts";

const kept = 600;
const pause = 60;

/** What a tab tells the other tabs of this browser. */
interface SharedFrames {
  readonly session: string;
  readonly from: string;
  readonly frames: readonly TimedFrame[];
}

/** The frames that the ladder is drawn from. Exchanges them with the far end if that is a tab of this browser. */
export class LadderFeed {
  readonly #page: Page;
  readonly #channel = new BroadcastChannel("switchboard.ladder");
  #frames: TimedFrame[] = [];
  #far: readonly TimedFrame[] = [];
  #subject: { peer: string; since: number; session?: string } = { peer: "", since: 0 };
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(page: Page) {
    this.#page = page;
    this.#channel.onmessage = ({ data }: MessageEvent<SharedFrames>) => {
      if (data.session !== this.#subject.session || data.from !== this.#subject.peer) return;
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

  /** The ladder tells of a call to `peer` from now on, or of none. `session` may be told later. */
  begin(peer: string, session?: string): void {
    const first = this.#frames.findLast(
      ({ frame }) => frame.session === session && (frame.type === "incoming" || frame.type === "session"),
    );
    this.#far = [];
    this.#subject = { peer, since: first?.at ?? Date.now() };
    if (session !== undefined) this.name(session);
    this.#draw();
  }

  /** The server has named the call. */
  name(session: string): void {
    if (this.#subject.session === session) return;
    this.#subject = { ...this.#subject, session };
    this.#tell();
  }

  #tell(): void {
    this.#draw();
    const { session, since } = this.#subject;
    const from = this.#page.me.peek()?.user;
    if (session === undefined || from === undefined) return;
    const asked = new Set<unknown>();
    const frames = this.#frames.filter(({ at, frame }) => {
      if (at < since) return false;
      if (frame.session === session) asked.add(frame.id);
      return frame.session === session || frame.type === "call" || asked.has(frame.re);
    });
    this.#channel.postMessage({ session, from, frames } satisfies SharedFrames);
  }

  #draw(): void {
    const me = this.#page.me.peek()?.user ?? "you";
    this.#page.frames.value = { me, ...this.#subject, near: [...this.#frames], far: this.#far };
  }
}
