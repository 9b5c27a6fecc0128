import { beforeAll, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { buildPage } from "./support/built-server.ts";

const folder = fileURLToPath(new URL("../../dist/page/", import.meta.url));

/** Bytes on the wire of all that has such a name. */
function gzipped(pattern: RegExp): number {
  const names = readdirSync(folder).filter((name) => pattern.test(name));
  expect(names).not.toEqual([]);
  return names.reduce((sum, name) => sum + readFileSync(folder + name).length, 0);
}

beforeAll(buildPage, 30_000);

// docs/decisions tells why the whole is not the 30 kB that was aimed at.
test("the page without the SDK, its libraries included, is 28 kB of script at most", () => {
  expect(gzipped(/^index-\w+\.js\.gz$/) - gzipped(/^client.*\.js\.gz$/)).toBeLessThanOrEqual(28_000);
});

test("the page with the SDK is 43.7 kB of script at most, and 6 kB of style", () => {
  expect(gzipped(/^index-\w+\.js\.gz$/)).toBeLessThanOrEqual(43_700);
  expect(gzipped(/^index-\w+\.css\.gz$/)).toBeLessThanOrEqual(6_000);
});

test("the pages for streams are small, and the embedded player is smaller", () => {
  expect(gzipped(/^broadcast-\w+\.js\.gz$/)).toBeLessThanOrEqual(31_400);
  expect(gzipped(/^live-\w+\.js\.gz$/)).toBeLessThanOrEqual(16_200);
  expect(gzipped(/^live\.js\.gz$/)).toBeLessThanOrEqual(5_200);
  expect(gzipped(/^recordings-\w+\.js\.gz$/)).toBeLessThanOrEqual(14_000);
});

test("the console is 90 kB at most, style included", () => {
  expect(gzipped(/^console-\w+\.(js|css)\.gz$/)).toBeLessThanOrEqual(90_000);
});

test.each(["index", "broadcast", "live", "recordings", "console"])(
  "nothing stands inline in %s.html, and nothing comes from elsewhere",
  (name) => {
    const html = readFileSync(`${folder}${name}.html`, "utf8");
    expect(html).not.toMatch(/<script[^>]*>[^<]|<style|\sstyle=|\son\w+=/);
    expect(html).not.toMatch(/(src|href)="(https?:)?\/\//);
  },
);

test("the gallery is not shipped", () => {
  expect(readdirSync(folder).filter((name) => name.includes("gallery"))).toEqual([]);
});
