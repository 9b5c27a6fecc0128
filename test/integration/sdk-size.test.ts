import { expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const root = fileURLToPath(new URL("../../", import.meta.url));
/** What a page loads for the SDK, and all of it together. Bytes on the wire; docs/decisions/007 says what is where. */
const most = 12 * 1_024;
const mostTogether = 15.5 * 1_024;

test("the SDK is 12 KB at most, minified and gzipped, and brings no schema library", () => {
  const folder = mkdtempSync(join(tmpdir(), "switchboard-sdk-"));
  try {
    const bundler = Bun.spawnSync([process.execPath, join(root, "scripts/sdk-bundle.mjs"), folder]);
    expect(bundler.stderr.toString()).toBe("");
    const files = readdirSync(folder).map((name) => ({
      name,
      text: readFileSync(join(folder, name), "utf8"),
    }));
    expect(files.map(({ name }) => name).sort()).toEqual([
      "client-http-socket.js",
      "client-local-media.js",
      "client-stats.js",
      "client.js",
    ]);
    const sizes = files.map(({ text }) => gzipSync(text, { level: 9 }).length);
    expect(sizes[files.findIndex(({ name }) => name === "client.js")]).toBeLessThanOrEqual(most);
    expect(sizes.reduce((sum, size) => sum + size)).toBeLessThanOrEqual(mostTogether);
    for (const { text } of files) expect(text).not.toContain("typebox");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}, 60_000);
