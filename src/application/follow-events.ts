import { type ApiOptions, refusal } from "./api.ts";

/** An event as webhooks tell it. */
export interface FollowedEvent {
  /** Where it stands among all events: give it as `lastEventId` to go on after it. */
  readonly id: string;
  /** Such as `session.ended`; `gap` where events of a node are gone. */
  readonly type: string;
  /** The body of the webhook: `{type, timestamp, data}`. */
  readonly event: { readonly type?: string; readonly timestamp?: string; readonly data?: unknown };
}

export interface FollowOptions {
  /** Names and families, such as `session.*`; all by default. */
  readonly types?: readonly string[];
  /** Goes on after this event. */
  readonly lastEventId?: string;
  /** ms without a word from the server, which says something every 5 s, after which the connection is taken for broken; 20 s by default. */
  readonly timeout?: number;
  /** Ends the iteration. */
  readonly signal?: AbortSignal;
}

/** How long it waits before it connects again. ms */
const retryAfter = 1_000;

/**
 * All events as they happen. It connects again when the connection breaks, and goes on where it was. Rejects with an `ApiError` when the
 * server refuses.
 *
 * @example
 * for await (const { type, event } of followEvents({ url, key }, { types: ["session.*"] })) console.log(type, event.data);
 */
export async function* followEvents(
  { url, key, fetch: send = fetch }: Omit<ApiOptions, "timeout">,
  { types, lastEventId = "", timeout = 20_000, signal = new AbortController().signal }: FollowOptions = {},
): AsyncGenerator<FollowedEvent, void> {
  const query = types === undefined ? "" : `?types=${encodeURIComponent(types.join(","))}`;
  let id = lastEventId;
  while (!signal.aborted) {
    try {
      const response = await send(`${url.replace(/\/$/, "")}/api/v1/events${query}`, {
        headers: { Authorization: `Bearer ${key}`, ...(id === "" ? {} : { "Last-Event-ID": id }) },
        redirect: "error",
        signal,
      });
      if (response.status >= 400 && response.status < 500) throw refusal(response, await response.text());
      if (response.ok && response.body !== null)
        for await (const block of blocks(response.body, timeout)) {
          const fields = new Map(block.split("\n").map((line) => line.split(/: (.*)/s) as [string, string]));
          id = fields.get("id") ?? id;
          const data = fields.get("data");
          if (data !== undefined) yield { id, type: fields.get("event") ?? "", event: JSON.parse(data) };
        }
    } catch (error) {
      if (signal.aborted) return;
      if ((error as Error).name === "ApiError") throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, retryAfter));
  }
}

/** The texts between empty lines. Rejects where nothing comes for so many ms: a connection can break without a word. */
async function* blocks(body: ReadableStream<Uint8Array>, timeout: number): AsyncGenerator<string, void> {
  const reader = body
    .pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>)
    .getReader();
  try {
    for (let rest = ""; ; ) {
      const { done, value } = await within(timeout, reader.read());
      if (done) return;
      const parts = (rest + value).split("\n\n");
      rest = parts.pop() ?? "";
      yield* parts;
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

async function within<T>(ms: number, result: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`nothing came for ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([result, late]);
  } finally {
    clearTimeout(timer);
  }
}
