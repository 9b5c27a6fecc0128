import type { resolveMedia } from "./media.ts";
import { PublishedStream } from "./published-stream.ts";
import type { Broadcast, PublishOptions, Viewing, ViewOptions } from "./stream-api.ts";
import type { StreamClient } from "./stream-end.ts";
import { ViewedStream } from "./viewed-stream.ts";

/** Publishes a stream until it is stopped, and comes back by itself where the connection breaks. */
export async function publish(
  client: StreamClient,
  name: string,
  options: PublishOptions = {},
  resolve: typeof resolveMedia,
): Promise<Broadcast> {
  return new PublishedStream(client, name, options, await resolve(options.media, options.signal));
}

/** Views a stream: waits for one that isn't live yet, and comes back by itself. */
export function view(client: StreamClient, name: string, options: ViewOptions = {}): Viewing {
  return new ViewedStream(client, name, options);
}
