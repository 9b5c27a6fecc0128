import type { Page } from "./page.ts";

/**
 * In development mode: a link to the ladder that the server has of the call that is on, or was on last, with its diagnosis. A call that the
 * server refused has no id here: then it leads to this user's calls.
 */
export function LastCall({ page, text, look = "link" }: { page: Page; text: string; look?: string }) {
  const { peer, session, me } = page.frames.value;
  if (!page.development.value || peer === "") return null;
  const place = session === undefined ? `records?user=${encodeURIComponent(me)}` : `sessions/${session}`;
  return (
    <a class={look} href={`console#/${place}`} target="_blank" rel="noopener">
      {text}
    </a>
  );
}
