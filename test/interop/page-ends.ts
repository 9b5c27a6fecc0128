import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Browser, Page } from "playwright-core";
import { clientPage } from "../browser/support/client-page.ts";
import { installPeers } from "../support/peers.ts";
import type { End } from "./end.ts";
import type { PageOptions } from "./page/page-end.ts";
import type { EndWindow } from "./page/script.ts";

/** One end of calls, in a page of its own. */
export interface PageEnd extends End {
  readonly page: Page;
}

let bundled: Promise<string> | undefined;

function pageBundle(): Promise<string> {
  bundled ??= bundle(fileURLToPath(new URL("page/script.ts", import.meta.url)), "window");
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
    const lines = [
      'import * as stanza from "./node_modules/stanza/index.js";',
      "globalThis.stanza = stanza;",
    ];
    writeFileSync(entry, `${lines.join("\n")}\n`);
    return await bundle(entry, "globalThis");
  })();
  return stanza;
}

async function bundle(entry: string, global: string): Promise<string> {
  const built = await Bun.build({ entrypoints: [entry], target: "browser", define: { global } });
  const [output] = built.outputs;
  if (!built.success || output === undefined) throw new Error(built.logs.join("\n"));
  return await output.text();
}

type Kept = Window & EndWindow;

/** Opens a page and signs it in. */
export async function openEnd(
  browser: Browser,
  port: number,
  options: Omit<PageOptions, "port">,
  version: Version = "1.5.5",
): Promise<PageEnd> {
  const context = await browser.newContext({ bypassCSP: true });
  const page = await clientPage(context, `http://localhost:${port}`);
  if (options.kind === "peerjs") await page.addScriptTag({ content: peerjsScript(version) });
  if (options.kind === "stanza") await page.addScriptTag({ content: await stanzaBundle(), type: "module" });
  // Firefox has no way around a content security policy but this one.
  await page.evaluate(`{${await pageBundle()}}`);
  await page.waitForFunction(() => "makeEnd" in window);
  await page.evaluate((made) => (window as unknown as Kept).makeEnd(made), { ...options, port });
  return {
    user: options.user,
    page,
    sends: { color: options.audioOnly === true ? undefined : options.color, tone: options.tone },
    state: () =>
      page.evaluate(() => {
        const { end } = window as unknown as Kept;
        end.look();
        return end.state;
      }),
    content: () => page.evaluate(() => (window as unknown as Kept).content()),
    ufrags: () =>
      page.evaluate(() => {
        const { pc } = (window as unknown as Kept).end;
        const of = (description: RTCSessionDescription | null | undefined) =>
          /a=ice-ufrag:(\S+)/.exec(description?.sdp ?? "")?.[1] ?? "";
        return [of(pc?.currentLocalDescription), of(pc?.currentRemoteDescription)] as const;
      }),
    call: (to) => page.evaluate((target) => (window as unknown as Kept).end.call(target), to),
    answer: () => page.evaluate(() => (window as unknown as Kept).end.answer()),
    decline: () => page.evaluate(() => (window as unknown as Kept).end.decline()),
    hold: (on) =>
      page.evaluate(async (wanted) => {
        await (window as unknown as Kept).end.hold?.(wanted);
      }, on),
    restartIce: () =>
      page.evaluate(async () => {
        await (window as unknown as Kept).end.restartIce?.();
      }),
    hangup: () => page.evaluate(() => (window as unknown as Kept).end.hangup()),
    about: () =>
      page.evaluate(() => {
        const { pc, state } = (window as unknown as Kept).end;
        const { connectionState, iceConnectionState, signalingState } = pc ?? {};
        const ways = pc
          ?.getTransceivers()
          .map(({ mid, currentDirection, direction }) => ({ mid, currentDirection, direction }));
        return JSON.stringify({ state, connectionState, iceConnectionState, signalingState, ways });
      }),
    close: async () => {
      await page.evaluate(() => (window as unknown as Kept).end.stop?.()).catch(() => {});
      await context.close();
    },
  };
}
