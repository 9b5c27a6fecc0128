import type { ComponentChildren } from "preact";
import { base } from "./base.ts";

/** The banner of a page about streams: the way to the first page, and what the page puts beside it. */
export function Head({ children }: { children?: ComponentChildren }) {
  return (
    <header class="head">
      <a class="brand" href={`${base}/`}>
        <i aria-hidden="true" /> <span>Switchboard</span>
      </a>
      {children}
    </header>
  );
}
