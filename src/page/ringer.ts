import type { Call, Ended, IncomingCall, LocalMedia } from "../client/index.ts";
import type { LadderFeed } from "./ladder-feed.ts";
import type { Page } from "./page.ts";
import type { RingTone } from "./ring-tone.ts";
import { inCall } from "./state.ts";

interface RingerParts {
  readonly page: Page;
  readonly feed: LadderFeed;
  readonly tone: RingTone;
  label(user: string, device: string | undefined): string | undefined;
  /** Opens media for an answer, then calls `go` with it. */
  want(peer: string, video: boolean, go: (media: LocalMedia) => void): void;
  took(call: Call, video: boolean): void;
  /** The answer came too late. `media` was opened for it. */
  missed(media: LocalMedia): void;
  /** The ring is over, whether or not it was being answered. */
  over(): void;
}

/** The incoming call that is shown. A second one is told that this device is busy. */
export class Ringer {
  readonly #parts: RingerParts;
  #ring: IncomingCall | undefined;

  constructor(parts: RingerParts) {
    this.#parts = parts;
  }

  rung(ring: IncomingCall): void {
    if (this.#ring !== undefined) {
      void ring.decline({ reason: "busy" });
      return;
    }
    this.#ring = ring;
    const { page, feed, tone, label } = this.#parts;
    const { from, movedFrom } = ring;
    const engaged = inCall(page.model.peek().scene);
    page.tell({
      type: "rang",
      ring: {
        from: from.user,
        device: label(from.user, from.device) ?? from.name ?? "a device",
        video: ring.wants.video,
        ...(movedFrom === undefined ? {} : { movedFrom: this.#mine(movedFrom) }),
        answering: false,
      },
    });
    if (!engaged) feed.begin(from.user, ring.id);
    tone.start();
    void ring.ended.then((ended) => this.#over(ring, ended));
  }

  accept(video: boolean): void {
    const ring = this.#ring;
    if (ring === undefined) return;
    const { page, tone, want, took, missed } = this.#parts;
    tone.stop();
    page.tell({ type: "answering", on: true });
    want(ring.from.user, video, async (media) => {
      try {
        took(await ring.accept({ media }), video);
      } catch {
        // The reason comes with the end of the ring.
        missed(media);
      }
    });
  }

  decline(everywhere: boolean): void {
    void this.#ring?.decline({ everywhere });
  }

  #over(ring: IncomingCall, ended: Ended): void {
    if (this.#ring !== ring) return;
    this.#ring = undefined;
    const { page, tone, over } = this.#parts;
    tone.stop();
    page.tell({ type: "ring-over" });
    const text = ring.movedFrom === undefined ? this.#remark(ring.from.user, ended) : undefined;
    if (text !== undefined) page.note.value = { text };
    over();
  }

  #remark(user: string, { reason, device }: Ended): string | undefined {
    switch (reason) {
      case "answered_elsewhere":
        return `Answered on ${this.#mine(device)}`;
      case "declined_elsewhere":
        return `Declined on ${this.#mine(device)}`;
      case "cancelled":
      case "no_answer":
      case "unreachable":
        return `You missed a call from ${user}.`;
      case "lost":
      case "unconfirmed":
        return `${user} was gone before the call was connected.`;
      default:
        return undefined;
    }
  }

  #mine(device: string | undefined): string {
    const { page, label } = this.#parts;
    return label(page.me.peek()?.user ?? "", device) ?? "another device";
  }
}
