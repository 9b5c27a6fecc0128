import { base } from "../base.ts";

/** What a device and the server said to each other, as the API tells it. */
export interface UserFrame {
  readonly node: string;
  /** Unix ms. */
  readonly at: number;
  readonly device: string;
  /** The device sent it. */
  readonly isIncoming: boolean;
  readonly type: string;
  readonly id?: number;
  readonly session?: string;
  readonly room?: string;
  readonly outcome?: string;
  readonly bytes?: number;
  readonly description?: { readonly type: string };
  readonly candidates?: Readonly<Record<string, number>>;
  readonly note?: string;
}

/** What the stream of a user's frames tells. */
export type FrameNews =
  | { readonly type: "frame"; readonly frame: UserFrame }
  /** Frames of that node are gone. */
  | { readonly type: "gap"; readonly node: string }
  /** Nodes that don't answer. */
  | { readonly type: "partial"; readonly nodes: readonly string[] };

/** The server refuses, with this text. */
export class FramesRefused extends Error {}

/**
 * Reads a user's frames until the stream breaks or is left. `open`: the server has begun. Rejects with {@link FramesRefused} where the key
 * may not, and with another error where the server can't be reached.
 */
export async function readFrames(
  key: string,
  user: string,
  signal: AbortSignal,
  open: () => void,
  told: (news: readonly FrameNews[]) => void,
): Promise<void> {
  const response = await fetch(`${base}/api/v1/users/${encodeURIComponent(user)}/frames`, {
    headers: { Authorization: `Bearer ${key}` },
    signal,
  });
  if (!response.ok || response.body === null) {
    const { detail } = (await response.json().catch(() => ({}))) as { detail?: string };
    throw new FramesRefused(detail ?? `The server answered ${response.status}.`);
  }
  open();
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let rest = ""; ; ) {
    const { done, value } = await reader.read();
    if (done) return;
    const blocks = (rest + value).split("\n\n");
    rest = blocks.pop() ?? "";
    const news = blocks.flatMap(newsOf);
    if (news.length > 0) told(news);
  }
}

function newsOf(block: string): FrameNews[] {
  const [, type, text = ""] = /^event: (\w+)\ndata: (.*)$/.exec(block) ?? [];
  switch (type) {
    case "frame":
      return [{ type, frame: JSON.parse(text) }];
    case "gap":
      return [{ type, node: JSON.parse(text).node }];
    case "partial":
      return [{ type, nodes: JSON.parse(text) }];
    default:
      return [];
  }
}
