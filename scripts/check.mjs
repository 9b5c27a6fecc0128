// `npm run check`: format, lint, types (with the walls of the pure folders and the browser's), dead code. No warnings.
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { ensureModules, root } from "./modules.mjs";

ensureModules();
const tool = (name) => `${root}node_modules/.bin/${name}`;
/** The compiler, which looks only at what has changed since the last check, and at what imports that. */
const types = (name, checkers) => {
  const remembered = ["--incremental", "--tsBuildInfoFile", `${root}.cache/types/${name}.tsbuildinfo`];
  return [tool("tsc"), ["-p", `${name}.json`, "--checkers", `${checkers}`, ...remembered]];
};
const checks = [
  [
    "format and lint",
    tool("biome"),
    ["ci", "--error-on-warnings", `--colors=${process.stdout.isTTY ? "force" : "off"}`],
  ],
  ["walls", process.execPath, ["scripts/walls.mjs"]],
  // A second thread checks again what it shares with the first, and other suites want the other core.
  ["types", ...types("tsconfig", 1)],
  ["types of the pure folders", ...types("tsconfig.pure", 1)],
  ["types of the client", ...types("tsconfig.client", 1)],
  ["unused code", tool("knip"), ["--no-progress", "--cache", "--cache-location", `${root}.cache/knip`]],
];
// All at once: some have threads for every core, others one.
const outcomes = await Promise.all(checks.map(([, program, args]) => outcome(program, args)));
for (const { output } of outcomes) process.stdout.write(output);
const failed = checks.filter((_, at) => outcomes[at].status !== 0).map(([name]) => name);

// A lock file that names download addresses works on one network only. (A workspace's names its folder.)
for (const path of ["package-lock.json", "test/peers/package-lock.json"])
  if (/"resolved": "\w+:/.test(readFileSync(root + path, "utf8")))
    failed.push(`${path} holds download addresses (resolved)`);

if (failed.length > 0) {
  console.error(`check: failed: ${failed.join(", ")}`);
  process.exit(1);
}
console.log(`check: ${checks.length + 1} checks passed`);

/** How a program ended, and what it printed: two must not speak at once. */
function outcome(program, args) {
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
    const output = [];
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (part) => output.push(part));
    child.on("error", (error) => output.push(Buffer.from(`${program} can't be run: ${error.message}\n`)));
    child.on("close", (status) => resolve({ status, output: Buffer.concat(output) }));
  });
}
