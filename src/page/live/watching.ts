import { type Signal, signal } from "@preact/signals";
import { base } from "../base.ts";
import type { ViewerStats } from "./viewer-stats.ts";
import { type ViewerState, WhepViewer } from "./whep-viewer.ts";

/** What the page of one stream shows. */
export interface Watching {
  readonly stream: string;
  readonly viewer: Signal<WhepViewer>;
  /** Changes with the viewer. */
  readonly revision: Signal<number>;
  readonly stats: Signal<ViewerStats>;
  readonly muted: Signal<boolean>;
  readonly showsStats: Signal<boolean>;
  /** Begins again with this token. */
  use(token: string | undefined): void;
}

const lookEvery = 1_000;

/** Starts to view the stream. A viewer that leaves the page leaves the stream; one that comes back to it, as by the browser's Back, views again. */
export function watch(stream: string, token: string | undefined): Watching {
  const revision = signal(0);
  const stats = signal<ViewerStats>({});
  const create = (token: string | undefined) =>
    new WhepViewer({
      endpoint: `${base}/whep/${encodeURIComponent(stream)}`,
      token,
      changed: () => {
        revision.value += 1;
      },
    });
  const viewer = signal(create(token));
  viewer.peek().start();
  addEventListener("pagehide", () => viewer.peek().stop());
  // It does nothing where the viewer has not been stopped.
  addEventListener("pageshow", () => viewer.peek().start());
  setInterval(async () => {
    const now = await viewer.peek().stats();
    if (viewer.peek().state === "live") stats.value = now;
  }, lookEvery);
  return {
    stream,
    viewer,
    revision,
    stats,
    muted: signal(true),
    showsStats: signal(false),
    use(token) {
      viewer.peek().stop();
      viewer.value = create(token);
      viewer.value.start();
    },
  };
}

/** The words of a state: what the page and screen readers say. */
export interface Words {
  readonly title: string;
  readonly text: string;
}

/** What to say of a viewer that shows no picture. */
export function wordsOf({ state, refusal }: Pick<WhepViewer, "state" | "refusal">, stream: string): Words {
  if (state === "refused") return refusalWords(refusal, stream);
  if (state === "waiting")
    return {
      title: `${stream} is not live`,
      text: "Leave this page open: it starts as soon as the stream does.",
    };
  if (refusal?.status === 503)
    return { title: "The server is full", text: "You get in as soon as there is room." };
  if (state === "interrupted")
    return { title: "Reconnecting…", text: "The stream was interrupted. It comes back by itself." };
  return { title: "Connecting…", text: `Looking for ${stream}.` };
}

function refusalWords(refusal: WhepViewer["refusal"], stream: string): Words {
  switch (refusal?.status) {
    case 401:
      if (refusal.withToken === true)
        return {
          title: "That link or token doesn’t work",
          text: "It may have expired, or part of it is missing. Ask for a new one, or paste it here.",
        };
      return {
        title: `${stream} is not public`,
        text: "Open the link that you were given, or paste a token for this stream.",
      };
    case 403:
      return {
        title: `You may not watch ${stream}`,
        text: "Ask whoever broadcasts it for a link, or paste another token.",
      };
    case 404:
      return {
        title: "There are no streams here",
        text: "This server runs no media server, or the name isn’t valid.",
      };
    case 406:
      return { title: "This browser can’t play the stream", text: refusal.detail };
    default:
      return { title: "The server refused", text: refusal?.detail ?? "" };
  }
}

/** What the live region says. Nothing that counts: it would be read out all the time. */
export function announcement(viewer: Pick<WhepViewer, "state" | "refusal">, stream: string): string {
  return viewer.state === "live" ? `${stream} is live` : wordsOf(viewer, stream).title;
}

/** States in which the picture stays, dimmed where it stands still. */
export function showsPicture(state: ViewerState): boolean {
  return state === "live" || state === "interrupted";
}
