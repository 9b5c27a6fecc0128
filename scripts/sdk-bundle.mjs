// Bundles the SDK for browsers: client.js, and beside it what is loaded when it is needed. Run on Bun; `build.mjs` does, and
// by itself it writes to a folder: bun scripts/sdk-bundle.mjs FOLDER. The SDK's classes `declare` the fields that their constructors set:
// without that, each stands in the bundle once more.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { minify } from "terser";

const client = fileURLToPath(new URL("../src/client/", import.meta.url));
/** Loaded with the first camera, the first report, where WebSocket is blocked, and for who listens for frames. */
const later = ["local-media", "stats", "http-socket", "redact", "streams", "push"];
const isLater = new RegExp(`/(${later.join("|")})\\.ts$`);

/**
 * Methods and fields that only `client.js` itself knows: they get short names. None is of the public API, of the protocol, of the
 * platform, or known to the files that come later; test/integration/sdk-size.test.ts looks.
 */
export const internal = `
adopt again alert applied attach back become began begin changed commit configure current detach dial drop emit
entered fail failed finish flows forget forgotten found fresh gathered introduce keep lasting links listened merge needToken
needed network nextDeadline ofRoom onChannel onFailure onReceived onRefusal onSignal onState pause present receive received refresh
refuses release renew renewed repeat report restarted resync retain settle shut signaled sleep start stopped tell tick
tickets told used wake welcome
`.match(/\w+/g);

/** Answers each file's name and text. Throws where a source does not compile. */
export async function bundleSdk() {
  const files = new Map([["client.js", await bundle("index", true)]]);
  // Each stands alone: a chunk that they shared would have to be loaded at once, and be larger than what it saves.
  for (const name of later) files.set(`client-${name}.js`, await bundle(name, false));
  return files;
}

async function bundle(name, entry) {
  const keepOut = {
    name: "later",
    setup: (build) =>
      build.onResolve({ filter: isLater }, ({ path, kind }) =>
        kind === "dynamic-import"
          ? { path: `./client-${isLater.exec(path)[1]}.js`, external: true }
          : undefined,
      ),
  };
  const { outputs } = await Bun.build({
    entrypoints: [`${client}${name}.ts`],
    target: "browser",
    format: "esm",
    minify: true,
    plugins: entry ? [keepOut] : [],
  });
  return await smaller(await outputs[0].text(), entry ? internal : []);
}

/** What Bun's minifier leaves; some 3 % after gzip. `names`: properties that may be renamed. */
export async function smaller(script, names = []) {
  const properties = names.length > 0 && { builtins: true, regex: new RegExp(`^(${names.join("|")})$`) };
  const { code } = await minify(script, {
    module: true,
    ecma: 2022,
    compress: { passes: 3, hoist_funs: true },
    mangle: { properties },
  });
  return code;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const folder = process.argv[2];
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of await bundleSdk()) writeFileSync(join(folder, name), text);
}
