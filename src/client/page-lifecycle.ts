/** What happens to the page and the network, as far as it matters to a link. */
export interface PageEvents {
  /** The page is visible again, or was thawed: check whether the link still works. */
  wake(): void;
  /** The network changed, or is back. */
  network(): void;
  /** The page goes into the back/forward cache, and comes out of it. */
  sleep(): void;
  back(): void;
  /** The page is closed or reloaded. */
  gone(): void;
}

/** Follows the page until the returned function is called. Without `unload`, which would keep it out of the cache. */
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
  // The event also comes when the estimated speed changes. Only another type counts, such as Wi-Fi to cellular.
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
