// `npm test`: everything there is to check, from nothing, with a count at the end. `npm test -- NAME…` runs only the
// suites whose name holds one of the words. `npm run test:long` runs what takes too long for every day as well.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { commitSeed } from "./commit-seed.mjs";
import { failuresByFile } from "./failed-files.mjs";
import { attempt, bun, ensureModules, root } from "./modules.mjs";
import { runQueue } from "./suite-queue.mjs";

const suiteTimeout = 600_000;
/** So many files that failed beside other suites run once more, alone: more than that is no accident of a busy machine. */
const mostRepeated = 3;
const results = `${root}.cache/test-results`;
const long = process.argv.includes("--long");
const words = process.argv.slice(2).filter((word) => word !== "--long");
// Tests that choose among many cases read these.
if (long) process.env.TEST_LONG = "1";
process.env.MODEL_SEED ??= `${commitSeed()}`;
/** What other files cover in less time, or what is large to install: left to `npm run test:long`. */
const longer = new Set([
  "test/browser/accessible.test.ts",
  "test/media/bad-outputs.test.ts",
  "test/media/cluster-recordings.test.ts",
  "test/media/codec-outputs.test.ts",
  "test/media/ladder.test.ts",
  "test/media/push-whip.test.ts",
  "test/media/worker-outputs.test.ts",
  "test/packages/folders.test.ts",
  "test/records/full-disk.test.ts",
  "test/records/wire.test.ts",
  "test/sip/matrix.test.ts",
  "test/turn/soak.test.ts",
  "test/webrtc/takeover.test.ts",
  // Needs Dino, Xvfb, PulseAudio and python3-pyatspi, and Prosody; no other file covers it.
  "test/xmpp/dino.test.ts",
]);
const total = { passed: 0, failed: 0, skipped: 0 };
const failures = [];

console.log(`What tests choose by chance, they choose by MODEL_SEED=${process.env.MODEL_SEED}.`);
// At the same time as the dependencies, for both mostly unpack.
const peers = once(spawn(`${root}scripts/test-peers`, { cwd: root, stdio: "inherit" }), "close");
ensureModules();
await peers.catch((error) => console.error(`test-peers can't be run: ${error.message}`));
// Before several suites would build the page at once. What does not build, their tests tell.
attempt(process.execPath, [`${root}scripts/build.mjs`, "--if-stale"]);
// A server that is no whole one tells so when it is started from its sources.
if (attempt(bun, [`${root}scripts/test-server.mjs`]) === 0) process.env.TEST_SERVER = `${root}.cache/server`;
rmSync(results, { recursive: true, force: true });
mkdirSync(results, { recursive: true });

const files = testFiles("test");
/** What suites took the last time, s: the next run begins with the longest. */
const known = readJson(`${root}.cache/test-seconds.json`);
/**
 * How long suites take of a fresh clone, in seconds, and how many cores each keeps busy meanwhile (its CPU time, that of all its processes,
 * by the time it takes alone): see scripts/suite-queue.mjs.
 * `lanes`: so many processes share its files, because they mostly wait.
 */
const traits = {
  check: { seconds: 24, cores: 1.5 },
  api: { seconds: 25, cores: 0.7 },
  unit: { seconds: 31 },
  fuzz: { seconds: 18 },
  model: { seconds: 6, cores: 0.8 },
  cluster: { seconds: 28, cores: 0.4 },
  "bad-input": { seconds: 7, cores: 0.4 },
  conformance: { seconds: 20, cores: 0.4 },
  dtls: { seconds: 18, cores: 0.5 },
  // Chromium's own processes counted, of which the system counts only a part as ours.
  browser: { seconds: 115, cores: 1.7, lanes: 2 },
  integration: { seconds: 50, lanes: 4 },
  node: { seconds: 16, cores: 0.6 },
  sip: { seconds: 46, cores: 1.2, lanes: 2 },
  mqtt: { seconds: 35, cores: 0.4 },
  peerjs: { seconds: 26, cores: 0.7 },
  xmpp: { seconds: 24, cores: 0.4 },
  interop: { seconds: 19, cores: 0.7 },
  embed: { seconds: 14, cores: 0.5 },
  records: { seconds: 28, cores: 0.3 },
  turn: { seconds: 26, cores: 0.5, lanes: 3 },
  media: { seconds: 58, cores: 1.2, lanes: 2, calm: true },
  "media-portable": { seconds: 3, cores: 0.8, calm: true },
  webrtc: { seconds: 24, cores: 0.6, lanes: 2, calm: true },
  packages: { seconds: 28 },
};
/** What Bun has run, and what has no code of its own on Node: messages and states, with one cipher or another. */
const onBunAlone = new Set(
  ["chromium-hello", "established", "forged", "gnutls", "mbedtls", "path", "pion", "strict"].map(
    (name) => `test/dtls/${name}.test.ts`,
  ),
);
/** Run only where they are named: they need what is large to install, or minutes of a quiet machine. */
const onDemand = new Set(["firefox", "quality"]);

// A process for each folder: a native crash in one must not hide the others.
const folders = [...new Set(files.map((path) => path.split("/")[1]))];
const runs = new Map(folders.map((name) => [name, (only) => onBun(name, only ?? filesOf(name))]));
runs.set("check", async () => one(await finished(process.execPath, ["scripts/check.mjs"])));
// The media server once more, without what only some systems have.
runs.set("media-portable", (only) =>
  onBun(
    "media-portable",
    only ?? ["./test/media/sockets.test.ts", ...(long ? ["./test/media/live.test.ts"] : [])],
    {
      MEDIA_PORTABLE: "1",
    },
  ),
);
runs.set("unit", (only) => onBun("unit", only ?? ["src"]));
runs.set("node", (only) =>
  onNode(only ?? files.filter((path) => isPortable(path) && (long || !onBunAlone.has(path)))),
);

const wanted = [...runs.keys()].filter((name) =>
  words.length > 0 ? words.some((word) => name.includes(word)) : !onDemand.has(name),
);
await runQueue(
  wanted.map((name) => ({ name, ...traits[name], seconds: known[name] ?? traits[name]?.seconds ?? 5 })),
  runSuite,
);
const repeated = await repeatAlone();
mkdirSync(`${root}.cache`, { recursive: true });
writeFileSync(`${root}.cache/test-seconds.json`, `${JSON.stringify(known, null, 2)}\n`);

async function runSuite({ name }) {
  const began = Date.now();
  const { passed, failed, skipped, output, byFile } = await runs.get(name)();
  const seconds = Math.round((Date.now() - began) / 1_000);
  console.log(`\n── ${name} ${"─".repeat(Math.max(3, 60 - name.length))}`);
  if (output !== undefined) process.stdout.write(output);
  console.log(`${name}: ${passed} passed, ${failed} failed, ${skipped} skipped in ${seconds} s`);
  total.passed += passed;
  total.failed += failed;
  total.skipped += skipped;
  if (failed > 0) failures.push({ name, failed, byFile, text: `── ${name}\n${whatFailed(output)}` });
  // One that failed may have ended early, or waited long for nothing.
  else known[name] = seconds;
}

// Of a long log often only the end is kept or read.
if (failures.length > 0) console.log(`\nWhat failed, again:\n${failures.map(({ text }) => text).join("\n")}`);
if (repeated.length > 0)
  console.log(`\nFailed beside other suites and passed alone, which is a fault too:\n${repeated.join("\n")}`);

if (process.env.CI === "true" && total.skipped > 0) {
  console.log(`\nIn CI everything must run: the ${total.skipped} that were skipped count as failed.`);
  total.failed += total.skipped;
  total.skipped = 0;
}
console.log(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exitCode = total.failed > 0 ? 1 : 0;

/**
 * Runs the files that failed once more, with nothing beside them, and returns those that pass now: their tests wait on real time somewhere. They
 * count as passed and are named, so that somebody mends them. Where more than a few files failed, or a suite failed outside of its tests,
 * nothing is repeated.
 */
async function repeatAlone() {
  const known = failures.every(({ failed, byFile }) => failed === sum(byFile?.values() ?? []));
  const count = sum(failures.map(({ byFile }) => byFile?.size ?? 0));
  if (!known || count > mostRepeated) return [];
  const passedAlone = [];
  for (const { name, byFile } of failures)
    for (const [file, failed] of byFile) {
      console.log(`\n── ${name}, again and alone: ${file}`);
      const again = await runs.get(name)([`./${file}`]);
      process.stdout.write(again.output);
      if (again.failed > 0 || again.passed === 0) continue;
      total.failed -= failed;
      total.passed += failed;
      passedAlone.push(`${name}: ${file}`);
    }
  return passedAlone;
}

function sum(numbers) {
  return [...numbers].reduce((all, one) => all + one, 0);
}

function onBun(name, paths, env = {}) {
  const report = join(results, `${name}.xml`);
  const flags = ["--timeout=60000", "--reporter=junit", `--reporter-outfile=${report}`];
  const lanes = traits[name]?.lanes;
  // Each lane reads its modules once, for all of its files: a new start of Playwright alone takes half a second of CPU.
  if (lanes !== undefined) flags.push(`--parallel=${lanes}`, "--no-isolate");
  return counted(report, bun, ["test", ...flags, ...paths], env);
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
  const flags = ["--test", "--test-timeout=60000", "--test-concurrency=2"];
  return counted(report, node, [...flags, ...reporters, ...junit, ...paths]);
}

async function counted(report, program, args, env) {
  const { status, output } = await finished(program, args, env);
  const text = existsSync(report) ? readFileSync(report, "utf8") : "";
  const count = (tag) => text.match(new RegExp(`<${tag}[ />]`, "g"))?.length ?? 0;
  const skipped = count("skipped");
  const failed = count("failure") + count("error");
  // A suite that died, or failed outside of a test, is one failure more.
  const died = status !== 0 && failed === 0 ? 1 : 0;
  const passed = Math.max(0, count("testcase") - failed - skipped);
  return { passed, failed: failed + died, skipped, output, byFile: failuresByFile(text, root) };
}

/** Runs a program to its end, or to the end of its time, and keeps what it prints: two suites must not speak at once. */
function finished(program, args, env = {}) {
  return new Promise((resolve) => {
    const options = {
      cwd: root,
      stdio: ["ignore", "pipe", "pipe"],
      // Node starts in half the time where what it has compiled once is kept.
      env: { ...process.env, NODE_COMPILE_CACHE: `${root}.cache/node-compiled`, ...env },
      timeout: suiteTimeout,
      killSignal: "SIGKILL",
    };
    const child = spawn(program, args, options);
    const output = [];
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (part) => output.push(part));
    child.on("error", (error) => output.push(Buffer.from(`${program}: ${error.message}\n`)));
    child.on("close", (status) => resolve({ status, output: Buffer.concat(output) }));
  });
}

/** The end of what was printed ahead of each failed test, with its name; of a suite that names none, its last lines. */
function whatFailed(output) {
  const all = output?.toString().split("\n") ?? [];
  // Of many tests Bun lists those that failed once more.
  const list = all.findIndex((line) => /^\d+ tests? failed:$/.test(line));
  const lines = list < 0 ? all : all.slice(0, list);
  const said = [];
  let from = 0;
  lines.forEach((line, at) => {
    if (line.startsWith("(fail)")) said.push(...lines.slice(Math.max(from, at - 25), at + 1));
    if (/^\((pass|fail|skip)\)/.test(line)) from = at + 1;
  });
  return (said.length > 0 ? said : lines.slice(-60)).slice(0, 300).join("\n");
}

function one({ status, output }) {
  const passed = status === 0;
  return { passed: passed ? 1 : 0, failed: passed ? 0 : 1, skipped: 0, output };
}

function testFiles(folder) {
  return readdirSync(root + folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.test\.tsx?$/.test(entry.name))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name).slice(root.length))
    .sort();
}

/** The files of a suite that this run is for. */
function filesOf(name) {
  return files
    .filter((path) => path.startsWith(`test/${name}/`) && (long || !longer.has(path)))
    .map((path) => `./${path}`);
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

/** What stands in the file; nothing where it is not there, or was cut short. */
function readJson(path) {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return {};
  }
}
