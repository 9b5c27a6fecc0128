import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const nodeFolder = new URL("../../.cache/node/node_modules/", import.meta.url);
const leastNode = 22;

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
  if (runtime === "bun")
    return process.versions.bun === undefined
      ? createRequire(import.meta.url).resolve("bun/bin/bun.exe")
      : process.execPath;
  if (process.versions.bun === undefined) return process.execPath;
  const given = process.env.TEST_NODE;
  if (given !== undefined && given !== "") return given;
  const path = fileURLToPath(new URL(`node-${process.platform}-${process.arch}/bin/node`, nodeFolder));
  return existsSync(path) ? path : undefined;
}
