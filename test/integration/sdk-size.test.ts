import { expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
// @ts-expect-error: a script without types
import { internal } from "../../scripts/sdk-bundle.mjs";

const root = fileURLToPath(new URL("../../", import.meta.url));
/** What a page loads for the SDK, and all of it together. Bytes on the wire; docs/decisions/007 says what is where. */
const most = 12 * 1_024;
const mostTogether = 21 * 1_024;

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
      "client-push.js",
      "client-redact.js",
      "client-stats.js",
      "client-streams.js",
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

test("only names that nobody else knows are shortened", () => {
  const source = (name: string) => readFileSync(join(root, `src/client/${name}.ts`), "utf8");
  const known = new Set(
    [...source("api").matchAll(/^ {2}(?:readonly )?(\w+)[?(:<]/gm)].map(([, name]) => name),
  );
  expect(known.size).toBeGreaterThan(50);
  for (const name of [
    "local-media",
    "stats",
    "http-socket",
    "redact",
    "stream-end",
    "published-stream",
    "viewed-stream",
    "push",
  ])
    for (const [, used] of source(name).matchAll(/(?:events|client|sessions)\.(\w+)/g)) known.add(used);
  // What `publish` is given of the media that it opens.
  for (const name of ["media", "owned"]) known.add(name);
  const fields = (value: unknown): string[] =>
    typeof value === "object" && value !== null
      ? Object.entries(value).flatMap(([key, inner]) =>
          key === "properties" ? [...Object.keys(inner), ...fields(inner)] : fields(inner),
        )
      : [];
  const schema = readFileSync(join(root, "docs/protocol.schema.json"), "utf8");
  for (const field of fields(JSON.parse(schema))) known.add(field);
  expect(internal.filter((name: string) => known.has(name) || name in Object.prototype)).toEqual([]);
});
