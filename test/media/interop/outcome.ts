import type { Page } from "playwright-core";
import { agreed, colors, eventually, tone } from "../support/pages.ts";

/** What became of a cell. `no`: it can't be run here, and why. */
export type Outcome =
  | { readonly result: "ok"; readonly detail: string }
  | { readonly result: "failed"; readonly detail: string }
  | { readonly result: "no"; readonly detail: string };

/** How long content may take to arrive. ms */
export const patience = 30_000;
/** The tone that publishers send. Hz */
const sent = 440;

/** Thrown where a cell can't be run: its message says why. */
export class NotHere extends Error {}

/** Runs a cell: whatever it throws is its outcome. */
export async function outcomeOf(run: () => Promise<string>): Promise<Outcome> {
  try {
    return { result: "ok", detail: await run() };
  } catch (error) {
    const detail = String((error as Error).message).split("\n")[0] ?? "";
    return { result: error instanceof NotHere ? "no" : "failed", detail };
  }
}

/** What a viewer saw and heard. */
export interface Content {
  /** Names of colors as they followed each other. */
  readonly colors: readonly string[];
  /** Hz; 0 for silence. */
  readonly tone: number;
}

/** Throws where this is not what publishers send: red, green and blue in turn, and a tone. */
export function check({ colors, tone }: Content): void {
  const order = ["red", "green", "blue"];
  const steps = new Set(
    colors.filter((color, at) => at > 0 && colors[at - 1] === order[(order.indexOf(color) + 2) % 3]),
  );
  if (steps.size < 3) throw new Error(`saw ${colors.join(", ") || "no color"}`);
  if (Math.abs(tone - sent) > 10) throw new Error(`heard ${Math.round(tone)} Hz`);
}

/** Whether the browser makes sound at all: Firefox does not on a machine without an audio device. */
export function hasSound(page: Page): Promise<boolean> {
  return page.evaluate(async () => {
    const context = new AudioContext();
    const runs = context.resume().then(() => true);
    const late = new Promise<boolean>((resolve) => setTimeout(resolve, 2_000, false));
    const result = await Promise.race([runs, late]);
    void context.close();
    return result;
  });
}

/** Checks that the page's video element shows and, unless it is asked for the picture alone, plays what is sent. */
export async function checkPage(page: Page, sound = true): Promise<void> {
  const seen = await colors(page, patience);
  if (!sound) return check({ colors: seen, tone: sent });
  let heard = 0;
  await eventually(async () => {
    heard = await tone(page);
    return Math.abs(heard - sent) < 10;
  }, patience).catch(() => {});
  check({ colors: seen, tone: heard });
}

/** Checks what the page's connection came to. Nothing is asked of what is left out. */
export async function checkAgreed(
  page: Page,
  { codec, role, way }: { readonly codec?: string; readonly role?: string; readonly way?: string },
): Promise<void> {
  const got = await agreed(page);
  for (const [name, wanted, is] of [
    ["codec", codec, got.codec],
    ["role of the server", role, got.role],
    ["way", way, got.way],
  ])
    if (wanted !== undefined && wanted !== is) throw new Error(`${name} ${is || "unknown"}, not ${wanted}`);
}
