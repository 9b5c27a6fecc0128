import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { seed } from "./seed.ts";

const nodeFolder = new URL("../../.cache/node/node_modules/", import.meta.url);
const leastNode = "22.18";

/** The program of a runtime: this process's own where it is one; else what `scripts/test-peers` has provided. */
export function runtimePath(runtime: "bun" | "node"): string {
  const path = findRuntime(runtime);
  if (path === undefined)
    throw new Error(
      `${runtime === "node" ? `Node ${leastNode}` : "Bun"} is missing; scripts/test-peers provides it`,
    );
  return path;
}

/** The same, but undefined where there is none. */
export function findRuntime(runtime: "bun" | "node"): string | undefined {
  const here = process.versions.bun === undefined ? "node" : "bun";
  if (runtime === here) return process.execPath;
  if (runtime === "bun") return createRequire(import.meta.url).resolve("bun/bin/bun.exe");
  const own = fileURLToPath(new URL(`node-${process.platform}-${process.arch}/bin/node`, nodeFolder));
  return [own, "node"].find(runsTypeScript);
}

const sources = fileURLToPath(new URL("../../src/cli.ts", import.meta.url));

/**
 * The command line for this runtime: its sources, or what `npm test` has bundled of them, which starts in half the time. The tests of
 * `npm start` and of the package's command run the sources in any case.
 */
export function commandLine(runtime: "bun" | "node"): string {
  const bundles = process.env.TEST_SERVER;
  return bundles === undefined ? sources : `${bundles}/${runtime}/src/cli.js`;
}

/** Type stripping is on from Node 22.18 and 23.6. */
function runsTypeScript(node: string): boolean {
  const { stdout } = spawnSync(node, ["--version"], { encoding: "utf8" });
  const [major = 0, minor = 0] = (stdout ?? "").slice(1).split(".").map(Number);
  return major > 23 || (major === 23 && minor >= 6) || (major === 22 && minor >= 18);
}

/**
 * The runtimes that the tests of a file start whole servers on: each that this machine has with `npm run test:long`. `npm test` takes one of
 * them, which follows the commit and the name; test/conformance and test/integration/net cover both in every run.
 */
export function runtimesFor(name: string): readonly ("bun" | "node")[] {
  const all = (["bun", "node"] as const).filter((runtime) => findRuntime(runtime) !== undefined);
  if (process.env.TEST_LONG === "1") return all;
  const sum = [...name].reduce((total, letter) => total + letter.charCodeAt(0), seed);
  return [all[sum % all.length] ?? "bun"];
}
