import { after } from "../net/clock.ts";

/** How often nodes are asked, and how often a reader for whom there is nothing gets the idle text. ms */
const [askEvery, idleEvery] = [200, 5_000];

export interface PolledStreamOptions {
  /** What has come since the last time, as server-sent events; empty for nothing. */
  read(): Promise<string>;
  /** What is sent at first, and while there is nothing. */
  idle(): string;
  now(): number;
  /** The client goes away. */
  readonly signal: AbortSignal;
  ended(): void;
}

/**
 * Server-sent events of what the nodes answer when they are asked again and again. Nothing is kept for a reader: it asks as fast as it
 * reads. Where the stream begins is known before anything is answered.
 */
export function polledStream({
  read,
  idle,
  now,
  signal,
  ended,
}: PolledStreamOptions): ReadableStream<Uint8Array> {
  let over = false;
  const end = (): void => {
    if (over) return;
    over = true;
    ended();
  };
  signal.addEventListener("abort", end, { once: true });
  const encoder = new TextEncoder();
  let sentAt = now();
  return new ReadableStream<Uint8Array>(
    {
      start: async (controller) => {
        const text = await read();
        controller.enqueue(encoder.encode(idle() + text));
      },
      pull: async (controller) => {
        while (!over) {
          const text = await read();
          if (text !== "" || now() - sentAt >= idleEvery) {
            sentAt = now();
            controller.enqueue(encoder.encode(text === "" ? idle() : text));
            return;
          }
          await new Promise<void>((resolve) => after(askEvery, resolve));
        }
        controller.close();
      },
      cancel: end,
    },
    { highWaterMark: 1 },
  );
}
