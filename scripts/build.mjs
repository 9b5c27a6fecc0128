// Builds the page and the SDK into dist/page: hashed names, minified, gzipped beside. `npm run build`; npm start runs it
// when a source is newer, and so do the tests: `--if-stale`.
import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { bun, root } from "./modules.mjs";

const target = `${root}dist/page`;
const sources = [
  "src/page",
  "src/application",
  "src/client",
  "src/protocol",
  "src/shared",
  "scripts/build.mjs",
  "scripts/sdk-bundle.mjs",
  "package-lock.json",
];
const compressible = /\.(html|js|css|svg|json|map|txt|webmanifest)$/;
const leastToGzip = 512;
const streamsApart = {
  name: "streams apart",
  setup: (build) =>
    build.onResolve({ filter: /\/streams\.ts$/ }, ({ kind }) =>
      kind === "dynamic-import" ? { path: "./client-streams.js", external: true } : undefined,
    ),
};

/** True when dist/page is missing or older than what it is made of. */
export function isStale() {
  const stamp = `${target}/index.html`;
  if (!existsSync(stamp)) return existsSync(`${root}src/page/main.tsx`);
  const built = statSync(stamp).mtimeMs;
  return sources.some((path) => newest(root + path) > built);
}

/** Runs this file on Bun, whose bundler it needs. Answers the exit code. */
export function build() {
  return spawnSync(bun, [fileURLToPath(import.meta.url)], { cwd: root, stdio: "inherit" }).status ?? 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (process.argv.includes("--if-stale") && !isStale()) process.exit(0);
  if (process.versions.bun === undefined) process.exit(build());
  await bundle();
}

async function bundle() {
  // Not before the dependencies are there: npm start asks this file whether there is something to build.
  const { bundleSdk, smaller } = await import("./sdk-bundle.mjs");
  const scratch = `${target}.${process.pid}`;
  rmSync(scratch, { recursive: true, force: true });
  mkdirSync(scratch, { recursive: true });
  const page = `${root}src/page`;
  const workers = readdirSync(page).filter((name) => name.endsWith("-worker.ts"));
  const hashed = { entry: "[name].[ext]", chunk: "[name]-[hash].[ext]", asset: "[name]-[hash].[ext]" };
  // Each page stands alone; the code for streams, which the first page never needs, stays a file of the SDK.
  for (const name of ["index", "broadcast", "live", "recordings", "console"])
    await one({
      entrypoints: [`${page}/${name}.html`],
      naming: hashed,
      publicPath: "./",
      plugins: [streamsApart],
    });
  // The second is loaded by the first, and by the page of a stream, where WebRTC doesn't get through.
  for (const name of ["live", "hls"])
    await one({ entrypoints: [`${page}/live/${name}.ts`], naming: "[name].[ext]", format: "iife" });
  // These are named by people and by code: their addresses stay.
  await one({ entrypoints: workers.map((name) => `${page}/${name}`), naming: "[name].[ext]" });
  // Most of hls.js is a library that comes minified: to do that once more takes longer than all the rest.
  for (const name of readdirSync(scratch).filter((file) => file.endsWith(".js") && file !== "hls.js")) {
    const path = join(scratch, name);
    writeFileSync(path, await smaller(readFileSync(path, "utf8")));
  }
  // Scripts and styles find each other by relative addresses, below whatever path they are served. A page may have an address of its own
  // that is deeper (`/live/NAME`): the server puts its path before these.
  for (const name of readdirSync(scratch).filter((file) => file.endsWith(".html"))) {
    const path = join(scratch, name);
    writeFileSync(path, readFileSync(path, "utf8").replaceAll(/(src|href)="\.\//g, '$1="/'));
  }
  for (const [name, text] of await bundleSdk()) writeFileSync(join(scratch, name), text);

  for (const name of readdirSync(scratch)) {
    const path = join(scratch, name);
    const bytes = readFileSync(path);
    if (compressible.test(name) && bytes.length >= leastToGzip)
      writeFileSync(`${path}.gz`, gzipSync(bytes, { level: 9 }));
  }
  rmSync(target, { recursive: true, force: true });
  renameSync(scratch, target);

  async function one(options) {
    const result = await Bun.build({
      outdir: scratch,
      root: page,
      target: "browser",
      format: "esm",
      minify: true,
      sourcemap: "none",
      define: { "process.env.NODE_ENV": '"production"' },
      ...options,
    }).catch((error) => ({ success: false, logs: error.errors ?? [error] }));
    if (result.success) return;
    for (const log of result.logs) console.error(String(log));
    rmSync(scratch, { recursive: true, force: true });
    process.exit(1);
  }
}

function newest(path) {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return 0;
  if (!stats.isDirectory()) return stats.mtimeMs;
  return Math.max(stats.mtimeMs, ...readdirSync(path).map((name) => newest(join(path, name))));
}
