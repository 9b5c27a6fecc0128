import type { BrowserContext, Page } from "playwright-core";

/**
 * A page of the server's origin with nothing but what it is given: for tests that use the SDK as an application would. The
 * context must bypass the content security policy. (A page that Playwright fulfills by itself counts as a public one, from
 * which Chromium lets no WebSocket go to this machine.)
 */
export async function clientPage(context: BrowserContext, url: string, html = "", hash = ""): Promise<Page> {
  const page = await context.newPage();
  page.setDefaultTimeout(30_000);
  await page.goto(`${url}/health/live${hash}`);
  await page.setContent(`<!doctype html><title>client</title>${html}`);
  return page;
}
