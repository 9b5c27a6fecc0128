import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Browser, Page } from "playwright-core";
import { clientPage } from "../../browser/support/client-page.ts";
import { installPeers } from "../../support/peers.ts";
import type { Content, EndWindow, PageOptions, PageState } from "./page-script.ts";

/** One end of calls, in a page of its own. */
export interface End {
  readonly user: string;
  readonly page: Page;
  readonly sends: Content;
  state(): Promise<PageState>;
  content(): Promise<Content>;
  call(to: string): Promise<void>;
  answer(): Promise<void>;
  hangup(): Promise<void>;
  /** Puts the call on hold, or goes on. */
  hold(on: boolean): Promise<void>;
  restartIce(): Promise<void>;
  close(): Promise<void>;
}

let bundled: Promise<string> | undefined;

function pageBundle(): Promise<string> {
  bundled ??= (async () => {
    const entry = fileURLToPath(new URL("page-script.ts", import.meta.url));
    const built = await Bun.build({ entrypoints: [entry], target: "browser", define: { global: "window" } });
    const [output] = built.outputs;
    if (!built.success || output === undefined) throw new Error(built.logs.join("\n"));
    return await output.text();
  })();
  return bundled;
}

/** The versions of PeerJS that are tried, unmodified: package names in test/peers. */
export const versions = { "1.5.5": "peerjs", "1.4.7": "peerjs-1.4", "1.3.2": "peerjs-1.3" } as const;
export type Version = keyof typeof versions;

export function peerjsScript(version: Version): string {
  return readFileSync(`${installPeers()}node_modules/${versions[version]}/dist/peerjs.min.js`, "utf8");
}

let stanza: Promise<string> | undefined;

/** The library stanza, unmodified, as the global `stanza` of a page. */
function stanzaBundle(): Promise<string> {
  stanza ??= (async () => {
    const entry = `${installPeers()}stanza-global.js`;
    writeFileSync(
      entry,
      'import * as stanza from "./node_modules/stanza/index.js";\nglobalThis.stanza = stanza;\n',
    );
    const built = await Bun.build({
      entrypoints: [entry],
      target: "browser",
      define: { global: "globalThis" },
    });
    const [output] = built.outputs;
    if (!built.success || output === undefined) throw new Error(built.logs.join("\n"));
    return await output.text();
  })();
  return stanza;
}

type Kept = Window & EndWindow;

/** Opens a page and signs it in. */
export async function openEnd(
  browser: Browser,
  port: number,
  options: Omit<PageOptions, "port">,
  version: Version = "1.5.5",
): Promise<End> {
  const context = await browser.newContext({ bypassCSP: true });
  const page = await clientPage(context, `http://localhost:${port}`);
  if (options.kind === "peerjs") await page.addScriptTag({ content: peerjsScript(version) });
  if (options.kind === "stanza") await page.addScriptTag({ content: await stanzaBundle(), type: "module" });
  await page.addScriptTag({ content: await pageBundle(), type: "module" });
  await page.waitForFunction(() => "makeEnd" in window);
  await page.evaluate((made) => (window as unknown as Kept).makeEnd(made), { ...options, port });
  return {
    user: options.user,
    page,
    sends: { color: options.color, tone: options.tone },
    state: () => page.evaluate(() => (window as unknown as Kept).end.state),
    content: () => page.evaluate(() => (window as unknown as Kept).content()),
    call: (to) => page.evaluate((target) => (window as unknown as Kept).end.call(target), to),
    answer: () => page.evaluate(() => (window as unknown as Kept).end.answer()),
    hold: (on) =>
      page.evaluate(async (wanted) => {
        await (window as unknown as Kept).end.hold?.(wanted);
      }, on),
    restartIce: () =>
      page.evaluate(async () => {
        await (window as unknown as Kept).end.restartIce?.();
      }),
    hangup: () => page.evaluate(() => (window as unknown as Kept).end.hangup()),
    close: () => context.close(),
  };
}

/** Waits until what is asked for holds. */
export async function eventually(
  what: string | (() => string),
  holds: () => Promise<unknown>,
  patience = 60_000,
): Promise<void> {
  const end = Date.now() + patience;
  while (!(await holds())) {
    if (Date.now() > end)
      throw new Error(`waited ${patience} ms for ${typeof what === "string" ? what : what()}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Calls, answers, and waits until each sees the colour and hears the tone of the other. */
export async function converse(caller: End, callee: End): Promise<void> {
  await answered(caller, callee);
  await contentFlows(caller, callee);
}

/** Calls, and answers when it rings. */
export async function answered(caller: End, callee: End): Promise<void> {
  const { rings } = await callee.state();
  await caller.call(callee.user);
  await eventually(`${callee.user} to ring`, async () => (await callee.state()).rings > rings);
  await callee.answer();
}

/** Answers the ring that comes back to a caller whose own offer was void. */
export async function answersAgain(caller: End, rings: number): Promise<void> {
  await eventually(`${caller.user} to be rung back`, async () => (await caller.state()).rings > rings);
  await caller.answer();
}

/** Waits until each sees the colour and hears the tone of the other. */
export async function contentFlows(one: End, other: End): Promise<void> {
  await gets(one, other);
  await gets(other, one);
}

/** Waits until one sees the colour and hears the tone of the other. */
export async function gets(hearing: End, sending: End): Promise<void> {
  let last: Content | undefined;
  await eventually(
    () => `${hearing.user} to get ${JSON.stringify(sending.sends)}: it gets ${JSON.stringify(last)}`,
    async () => {
      last = await hearing.content();
      return last.color === sending.sends.color && Math.abs(last.tone - sending.sends.tone) < 25;
    },
  );
}

/** Waits until the call is over at both. */
export async function bothEnd(...ends: readonly End[]): Promise<void> {
  for (const end of ends)
    await eventually(`${end.user} to see the end`, async () => (await end.state()).ended !== undefined);
}
