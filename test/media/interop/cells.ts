import type { Browser } from "playwright-core";
import { blankTab, linkedServers, publish } from "../support/pages.ts";
import { freshName, viewWhenLive } from "./chromium.ts";
import { type NpmClient, npmClients, startClient } from "./npm-clients.ts";
import { checkAgreed, checkPage } from "./outcome.ts";
import { need, type Program, publishBy, viewBy } from "./programs.ts";

/** How a program's cell differs from the plain one. */
export interface ProgramOptions {
  readonly codec: string;
  /** The server's DTLS role. */
  readonly role: "passive" | "active";
  /** Through the server's own TURN. */
  readonly relayed?: boolean;
}

/** A program publishes, and a page views. */
export async function programPublishes(
  browser: Browser,
  server: string,
  program: Program,
  options: ProgramOptions,
): Promise<string> {
  need(program);
  const name = freshName();
  const task = await taskOf(`${server}/whip/${name}`, "dev:alice", options);
  const stop = await publishBy(program, task);
  const { page } = await blankTab(browser, server);
  try {
    await viewWhenLive(page, `${server}/whep/${name}`);
    await checkPage(page);
    await checkAgreed(page, { codec: `video/${options.codec}` });
    return "";
  } finally {
    stop();
    await page.context().close();
  }
}

/** A page publishes, and a program views. */
export async function programViews(
  browser: Browser,
  server: string,
  program: Program,
  options: ProgramOptions,
): Promise<string> {
  need(program);
  const name = freshName();
  const [publisher, watcher] = [await blankTab(browser, server), await blankTab(browser, server)];
  try {
    const codec = `video/${options.codec}`;
    const status = await publish(publisher.page, `${server}/whip/${name}`, { picture: "colors", codec });
    if (status !== 201) throw new Error(`WHIP answered ${status}`);
    // It is live once somebody can view it.
    await viewWhenLive(watcher.page, `${server}/whep/${name}`);
    await viewBy(program, await taskOf(`${server}/whep/${name}`, "dev:victor", options));
    return "";
  } finally {
    await Promise.all([publisher, watcher].map(({ page }) => page.context().close()));
  }
}

/** A page publishes, a program views that and publishes it again, and another page views what it published. */
export async function programRepublishes(
  browser: Browser,
  server: string,
  program: Program,
  options: ProgramOptions,
): Promise<string> {
  need(program);
  const [first, second] = [freshName(), freshName()];
  const codec = `video/${options.codec}`;
  const [publisher, watcher, viewer] = await Promise.all([1, 2, 3].map(() => blankTab(browser, server)));
  if (publisher === undefined || watcher === undefined || viewer === undefined) throw new Error("no tabs");
  let stop = (): void => {};
  try {
    const whip = `${server}/whip/${first}`;
    const status = await publish(publisher.page, whip, { picture: "colors", codec });
    if (status !== 201) throw new Error(`WHIP answered ${status}`);
    await viewWhenLive(watcher.page, `${server}/whep/${first}`);
    const urls = `${server}/whep/${first},${server}/whip/${second}`;
    stop = await publishBy(program, await taskOf(urls, "dev:alice", options));
    await viewWhenLive(viewer.page, `${server}/whep/${second}`);
    await checkPage(viewer.page);
    return "";
  } finally {
    stop();
    await Promise.all([publisher, watcher, viewer].map(({ page }) => page.context().close()));
  }
}

/** A client of npm publishes from a page or views in one; the other end is a page with nothing but the browser's own means. */
export async function npmClientRuns(browser: Browser, server: string, client: NpmClient): Promise<string> {
  const name = freshName();
  const [publisher, viewer] = [await blankTab(browser, server), await blankTab(browser, server)];
  const [whip, whep] = [`${server}/whip/${name}`, `${server}/whep/${name}`];
  try {
    if (client.mode === "publish") {
      await startClient(publisher.page, client, whip, "dev:alice");
      await viewWhenLive(viewer.page, whep);
    } else {
      const watcher = await blankTab(publisher.page.context(), server);
      const status = await publish(publisher.page, whip, { picture: "colors" });
      if (status !== 201) throw new Error(`WHIP answered ${status}`);
      await viewWhenLive(watcher.page, whep);
      await startClient(viewer.page, client, whep, "dev:victor");
    }
    await checkPage(viewer.page);
    return "";
  } finally {
    await Promise.all([publisher, viewer].map(({ page }) => page.context().close()));
  }
}

export function npmClient(name: string, mode: NpmClient["mode"]): NpmClient {
  const found = npmClients.find((client) => client.name === name && client.mode === mode);
  if (found === undefined) throw new Error(`there is no ${name} that can ${mode}`);
  return found;
}

async function taskOf(url: string, token: string, { codec, role, relayed = false }: ProgramOptions) {
  const setup = role === "passive" ? "active" : "passive";
  const links = relayed ? await linkedServers(url, token) : [];
  const relay = links.find(({ urls }) => /^turn:.*=udp$/.test(String(urls)));
  if (relayed && relay === undefined) throw new Error("the server names no TURN server");
  return { url, token, codec, setup, ...(relay !== undefined && { relay }) };
}
