import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";

/** The browser for these tests, if this machine has one. */
export const chromiumPath: string | null =
  process.env.CHROMIUM ??
  Bun.which("chromium") ??
  Bun.which("chromium-browser") ??
  Bun.which("google-chrome");

/**
 * Chromium without its windows, made of the same engine: it starts and draws for half of the work. Where it is not there, the
 * browser itself takes its place.
 */
const shellPath = process.env.CHROMIUM === undefined ? Bun.which("chromium-headless-shell") : null;

/**
 * `fake`: a camera that needs no permission. `slow`: the same with half the pictures, and so half the work, for tests that only ask whether
 * there is a picture. `denied`: one that is refused. `none`: no camera at all.
 */
export type Camera = "fake" | "slow" | "denied" | "none";

const quiet = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const fake = [
  "--use-fake-ui-for-media-stream",
  // A page that may use the camera tells its addresses, but not in the shell, where nothing can be granted; and phones know no
  // mDNS names. A spare process for the next tab is work that most tests throw away.
  "--disable-features=WebRtcHideLocalIpsWithMdns,AudioServiceOutOfProcess,SpareRendererForSitePerProcess",
];
const flags: Readonly<Record<Camera, readonly string[]>> = {
  fake: ["--use-fake-device-for-media-stream=fps=10", ...fake],
  // Its pages live for seconds, too: to optimise their code costs more than that saves.
  slow: ["--use-fake-device-for-media-stream=fps=5", "--js-flags=--no-opt", ...fake],
  denied: ["--use-fake-device-for-media-stream"],
  none: [],
};

export function launch(camera: Camera = "fake", more: readonly string[] = []): Promise<Browser> {
  return launchAt(programFor(camera), camera, more);
}

/** The browsers that this process has started, by camera and flags. */
const started = new Map<string, Promise<Browser>>();

/**
 * A browser with this camera for one file of tests. The files of a process share its program, because each start costs more than most
 * tests do. What a file opens is its own: `contexts()` answers nothing else, and `close()` closes nothing else. The program ends
 * with the process.
 */
export async function sharedBrowser(camera: Camera = "slow", more: readonly string[] = []): Promise<Browser> {
  const key = [camera, ...more].join(" ");
  const known = await started.get(key)?.catch(() => undefined);
  if (known?.isConnected()) return ownPart(known);
  const made = launch(camera, more);
  started.set(key, made);
  return ownPart(await made);
}

function ownPart(browser: Browser): Browser {
  const own = new Set<BrowserContext>();
  const newContext: Browser["newContext"] = async (options) => {
    const context = await browser.newContext(options);
    own.add(context);
    context.once("close", () => own.delete(context));
    return context;
  };
  const contexts = () => [...own];
  const close = async () => {
    await Promise.all(contexts().map((context) => context.close()));
  };
  return Object.assign(Object.create(browser) as Browser, { newContext, contexts, close });
}

/** The program for a browser with this camera. Throws where there is none. */
export function programFor(camera: Camera): string {
  if (chromiumPath === null) throw new Error("there is no Chromium on this machine");
  // Only the whole browser has somebody to refuse a camera.
  return camera === "denied" ? chromiumPath : (shellPath ?? chromiumPath);
}

/** The same by another program, such as one that starts the browser on another host. */
export function launchAt(program: string, camera: Camera, more: readonly string[] = []): Promise<Browser> {
  return chromium.launch({ executablePath: program, args: [...quiet, ...flags[camera], ...more] });
}

/** Options of a context whose pages draw no animation: on a machine without a graphics card each frame costs. */
export const still = { reducedMotion: "reduce" } as const;

/** A tab of the page, what it said in its console, and the media connections that it made. */
export interface Tab {
  readonly page: Page;
  /** Errors of scripts and of the content security policy; a test ends with none. */
  readonly errors: string[];
  /** Frames of video decoded so far, all connections taken together. */
  decoded(): Promise<number>;
}

/** Opens the page in a context of its own (another user, another profile), or as another tab of a given one. */
export async function openTab(where: Browser | BrowserContext, address: string): Promise<Tab> {
  const context =
    "newContext" in where
      ? await where.newContext({ ...still, viewport: { width: 1280, height: 800 } })
      : where;
  const page = await context.newPage();
  page.setDefaultTimeout(30_000);
  const errors: string[] = [];
  page.on("pageerror", (error) => errors.push(String(error.stack ?? error)));
  page.on("console", (message) => {
    // A server that is away on purpose is told of by the browser itself.
    if (message.type() === "error" && !/WebSocket|Failed to load resource/.test(message.text()))
      errors.push(message.text());
  });
  await page.addInitScript(() => {
    const made: RTCPeerConnection[] = [];
    Object.assign(globalThis, { madeConnections: made });
    const Original = globalThis.RTCPeerConnection;
    globalThis.RTCPeerConnection = class extends Original {
      constructor(configuration?: RTCConfiguration) {
        super(configuration);
        made.push(this);
      }
    };
  });
  await page.goto(address);
  const decoded = () =>
    page.evaluate(async () => {
      const { madeConnections } = globalThis as unknown as { madeConnections: RTCPeerConnection[] };
      let frames = 0;
      for (const connection of madeConnections)
        for (const report of (await connection.getStats()).values()) frames += report.framesDecoded ?? 0;
      return frames;
    });
  return { page, errors, decoded };
}

/** Waits until the tab decodes video: 5 frames more than now. Rejects when that takes too long. */
export async function seesVideo(tab: Tab, within = 30_000): Promise<void> {
  const before = await tab.decoded();
  const deadline = Date.now() + within;
  while ((await tab.decoded()) < before + 5) {
    if (Date.now() > deadline)
      throw new Error(`no video: ${before} frames before, ${await tab.decoded()} now`);
    await tab.page.waitForTimeout(100);
  }
}

/** Signs in at the front page, or by the address. */
export async function signIn(where: Browser | BrowserContext, url: string, name: string): Promise<Tab> {
  const tab = await openTab(where, `${url}/?as=${name}`);
  await tab.page.getByRole("img", { name: "online" }).waitFor();
  return tab;
}

/** Closes the tab as a person would, so that its page may say goodbye; a context alone takes its pages away without a word. */
export async function closeTab(tab: Tab): Promise<void> {
  await tab.page.close();
  await tab.page.context().close();
}

export function button(tab: Tab, name: string | RegExp) {
  return tab.page.getByRole("button", typeof name === "string" ? { name, exact: true } : { name });
}

/** Waits for a text that is on the page, whoever shows it. */
export async function sees(tab: Tab, text: string | RegExp): Promise<void> {
  await tab.page.getByText(text).first().waitFor();
}
