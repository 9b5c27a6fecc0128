// `npm test`: everything there is to check, from nothing, with a count at the end. `npm test -- NAME…` runs only the
// suites whose name holds one of the words.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { attempt, bun, ensureModules, root } from "./modules.mjs";

const suiteTimeout = 300_000;
const results = `${root}.cache/test-results`;
const words = process.argv.slice(2);
const total = { passed: 0, failed: 0, skipped: 0 };

ensureModules();
attempt(`${root}scripts/test-peers`, []);
rmSync(results, { recursive: true, force: true });
mkdirSync(results, { recursive: true });

const files = testFiles("test");
const suites = [
  { name: "check", run: () => one(attempt(process.execPath, ["scripts/check.mjs"]) === 0) },
  // A process for each folder: a native crash in one must not hide the others.
  { name: "unit", run: () => onBun("unit", ["src"]) },
  ...[...new Set(files.map((path) => path.split("/")[1]))].sort().map((folder) => ({
    name: folder,
    run: () => onBun(folder, [`./test/${folder}/`]),
  })),
  { name: "node", run: () => onNode(files.filter(isPortable)) },
];
for (const { name, run } of suites) {
  if (words.length > 0 && !words.some((word) => name.includes(word))) continue;
  console.log(`\n── ${name} ${"─".repeat(Math.max(3, 60 - name.length))}`);
  const began = Date.now();
  const { passed, failed, skipped } = run();
  console.log(
    `${name}: ${passed} passed, ${failed} failed, ${skipped} skipped in ${Math.round((Date.now() - began) / 1_000)} s`,
  );
  total.passed += passed;
  total.failed += failed;
  total.skipped += skipped;
}

if (process.env.CI === "true" && total.skipped > 0) {
  console.log(`\nIn CI everything must run: the ${total.skipped} that were skipped count as failed.`);
  total.failed += total.skipped;
  total.skipped = 0;
}
console.log(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exitCode = total.failed > 0 ? 1 : 0;

function onBun(name, paths) {
  const report = join(results, `${name}.xml`);
  const flags = ["--timeout=20000", "--reporter=junit", `--reporter-outfile=${report}`];
  return counted(report, bun, ["test", ...flags, ...paths]);
}

/** Tests that are written on node:test run on Node too. */
function onNode(paths) {
  const node = nodeForTests();
  if (node === undefined) {
    console.log("There is no Node that runs TypeScript; scripts/test-peers says more.");
    return { passed: 0, failed: 0, skipped: paths.length };
  }
  const report = join(results, "node.xml");
  const reporters = ["--test-reporter=dot", "--test-reporter-destination=stdout"];
  const junit = ["--test-reporter=junit", `--test-reporter-destination=${report}`];
  return counted(report, node, ["--test", "--test-timeout=60000", ...reporters, ...junit, ...paths]);
}

function counted(report, program, args) {
  const options = { cwd: root, stdio: "inherit", timeout: suiteTimeout, killSignal: "SIGKILL" };
  const { status, error } = spawnSync(program, args, options);
  if (error !== undefined) console.error(`${program}: ${error.message}`);
  const text = existsSync(report) ? readFileSync(report, "utf8") : "";
  const count = (tag) => text.match(new RegExp(`<${tag}[ />]`, "g"))?.length ?? 0;
  const skipped = count("skipped");
  const failed = count("failure") + count("error");
  // A suite that died, or failed outside of a test, is one failure more.
  const died = status !== 0 && failed === 0 ? 1 : 0;
  return { passed: Math.max(0, count("testcase") - failed - skipped), failed: failed + died, skipped };
}

function one(passed) {
  return { passed: passed ? 1 : 0, failed: passed ? 0 : 1, skipped: 0 };
}

function testFiles(folder) {
  return readdirSync(root + folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.test\.tsx?$/.test(entry.name))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name).slice(root.length))
    .sort();
}

function isPortable(path) {
  return /from "node:test"/.test(readFileSync(root + path, "utf8"));
}

function nodeForTests() {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if (major > 22 || (major === 22 && minor >= 18)) return process.execPath;
  const own = `${root}.cache/node/node_modules/node-${process.platform}-${process.arch}/bin/node`;
  return existsSync(own) ? own : undefined;
}
