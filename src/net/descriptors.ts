import { closeSync, openSync } from "node:fs";
import { devNull } from "node:os";
import { every } from "./clock.ts";

/** How long one look counts. ms */
const lookFor = 10;
/** How often a watcher looks, and how often it is told again of a shortage that lasts. ms */
const [watchInterval, repeatInterval] = [500, 60_000];

/** Descriptors that are held so that there are some to work with once all others are used up. */
const reserve = 32;

let held: number[] = [];
let short = false;
let lookedAt = Number.NEGATIVE_INFINITY;

/**
 * True while this process has used up its file descriptors: who accepts connections or opens sockets for clients must refuse them
 * then. Without a descriptor `accept` fails, and the event loop would try again for ever.
 */
export function descriptorsShort(): boolean {
  const now = performance.now();
  if (now - lookedAt >= lookFor) {
    lookedAt = now;
    try {
      short = look();
    } catch {
      // Where nothing can be opened for another reason, that is no want of descriptors.
      short = false;
    }
  }
  return short;
}

/** Tells when a shortage begins, once a minute while it lasts, and when it is over. Returns the way to stop. */
export function watchDescriptors(heard: (short: boolean) => void): () => void {
  let toldAt: number | undefined;
  return every(watchInterval, () => {
    const now = performance.now();
    if (!descriptorsShort()) {
      if (toldAt !== undefined) heard(false);
      toldAt = undefined;
    } else if (toldAt === undefined || now - toldAt >= repeatInterval) {
      toldAt = now;
      heard(true);
    }
  });
}

/** True for the error of a call that found no free descriptor, in this process or in the whole system. */
export function isExhausted(error: unknown): boolean {
  const { code } = error as { readonly code?: unknown };
  return code === "EMFILE" || code === "ENFILE";
}

/** A shortage ends when twice the reserve is there, so that it doesn't come and go with each connection. */
function look(): boolean {
  if (held.length === 0) {
    const opened = openSome(2 * reserve);
    const enough = opened.length === 2 * reserve;
    held = enough ? opened.splice(reserve) : [];
    for (const one of opened) closeSync(one);
    return !enough;
  }
  const [one] = openSome(1);
  if (one !== undefined) {
    closeSync(one);
    return false;
  }
  for (const one of held) closeSync(one);
  held = [];
  return true;
}

/** As many as can be had. */
function openSome(count: number): number[] {
  const opened: number[] = [];
  try {
    while (opened.length < count) opened.push(openSync(devNull, "r"));
  } catch (error) {
    if (!isExhausted(error)) throw error;
  }
  return opened;
}
