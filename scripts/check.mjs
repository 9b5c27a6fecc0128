// `npm run check`: format, lint, types (with the walls of the pure folders and the browser's), dead code. No warnings.
import { existsSync, readFileSync } from "node:fs";
import { attempt, ensureModules, root } from "./modules.mjs";

ensureModules();
const tool = (name) => `${root}node_modules/.bin/${name}`;
const checks = [
  [
    "format and lint",
    tool("biome"),
    ["ci", "--error-on-warnings", `--colors=${process.stdout.isTTY ? "force" : "off"}`],
  ],
  ["walls", process.execPath, ["scripts/walls.mjs"]],
  ["types", tool("tsc"), ["-p", "tsconfig.json"]],
  ["types of the pure folders", tool("tsc"), ["-p", "tsconfig.pure.json"]],
  ["types of the client", tool("tsc"), ["-p", "tsconfig.client.json"]],
  ["unused code", tool("knip"), ["--no-progress"]],
];
const failed = checks.filter(([, program, args]) => attempt(program, args) !== 0).map(([name]) => name);

// A lock file that names download addresses works on one network only.
if (
  existsSync(`${root}package-lock.json`) &&
  /"resolved"/.test(readFileSync(`${root}package-lock.json`, "utf8"))
)
  failed.push("package-lock.json holds download addresses (resolved)");

if (failed.length > 0) {
  console.error(`check: failed: ${failed.join(", ")}`);
  process.exit(1);
}
console.log(`check: ${checks.length + 1} checks passed`);
