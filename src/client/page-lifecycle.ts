/** What the page and the network go through, as far as a link cares. */
export interface PageEvents {
  /** The page is looked at again, or thawed: see whether the link still lives. */
  wake(): void;
  /** Another network, or the network again. */
  network(): void;
  /** Into the back/forward cache, and out of it. */
  sleep(): void;
  back(): void;
  /** Closed or reloaded. */
  gone(): void;
}

/** Follows the page; returns what ends that. Outside of pages there is nothing to follow. Never `unload`: it costs the cache. */
export function followPage(events: PageEvents): () => void {
  if (typeof document === "undefined") return () => {};
  const abort = new AbortController();
  const { signal } = abort;
  const listen = (target: EventTarget, type: string, act: (event: Event) => void) =>
    target.addEventListener(type, act, { signal });
  listen(window, "online", events.network);
  listen(window, "pagehide", (event) =>
    (event as PageTransitionEvent).persisted ? events.sleep() : events.gone(),
  );
  listen(window, "pageshow", (event) => (event as PageTransitionEvent).persisted && events.back());
  listen(document, "visibilitychange", () => document.visibilityState === "visible" && events.wake());
  listen(document, "resume", events.wake);
  // It also tells each change of the estimated speed; only Wi-Fi to cellular and the like count.
  const connection = (navigator as { connection?: EventTarget & { readonly type?: string } }).connection;
  let type = connection?.type;
  if (connection)
    listen(connection, "change", () => {
      const before = type;
      type = connection.type;
      if (type !== before && type !== "none") events.network();
    });
  return () => abort.abort();
}
