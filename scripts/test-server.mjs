// Bundles the server for the tests, for Bun and for Node: they start it hundreds of times, and to read seven hundred files takes longer than
// the start itself. `npm test` runs this file on Bun, whose bundler it needs.
import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { root } from "./modules.mjs";

const sources = `${root}src`;
/** What processes and threads of the server begin with. */
const entries = [
  "cli.ts",
  "media/packager/main.ts",
  "media/worker/main.ts",
  "records/store/worker.ts",
  "turn/shell/worker.ts",
];
/** Files look for others from where they lie; in a bundle they lie elsewhere, but the folder of the sources is still there. */
const places = {
  name: "places of files",
  setup: (build) =>
    build.onLoad({ filter: placeReader() }, ({ path }) => {
      const own = `new URL("./${relative(sources, path).replace(/\.ts$/, ".js")}", import.meta.url).href`;
      return { contents: readFileSync(path, "utf8").replaceAll("import.meta.url", own), loader: "ts" };
    }),
};

for (const target of ["bun", "node"]) await bundle(target, `${root}.cache/server/${target}`);

async function bundle(target, folder) {
  rmSync(folder, { recursive: true, force: true });
  const { success, logs } = await Bun.build({
    entrypoints: entries.map((path) => join(sources, path)),
    root: sources,
    outdir: `${folder}/src`,
    target,
    format: "esm",
    splitting: true,
    sourcemap: "linked",
    external: ["bun:*"],
    plugins: [places],
  }).catch((error) => ({ success: false, logs: error.errors ?? [error] }));
  for (const log of logs) console.error(String(log));
  if (!success) process.exit(1);
  // The server knows the programs of the media server by the names of their sources.
  for (const path of entries.filter((path) => path.startsWith("media/")))
    writeFileSync(`${folder}/src/${path}`, `import "./${path.split("/").at(-1).replace(/\.ts$/, ".js")}";\n`);
  for (const name of ["package.json", "dist"]) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    symlinkSync(root + name, join(folder, name));
  }
}

/** Matches the paths of files that ask where they lie. */
function placeReader() {
  const all = readdirSync(sources, { recursive: true }).filter(
    (path) => /\.ts$/.test(path) && !/\.test\.ts$/.test(path),
  );
  const asking = all.filter((path) => readFileSync(join(sources, path), "utf8").includes("import.meta.url"));
  return new RegExp(`/src/(${asking.map((path) => path.replaceAll(/[.]/g, "\\.")).join("|")})$`);
}
