// Every fuzz target with a million inputs: `npm run fuzz`. `npm run fuzz -- dtls rtp --inputs 100000 --jobs 2 --seed 7` takes the files of
// test/fuzz whose name holds one of the words. What each prints goes to .cache/fuzz/; a table with the heap of each target comes at the end.
import { spawn } from "node:child_process";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { commitSeed } from "./commit-seed.mjs";
import { bun, ensureModules, root } from "./modules.mjs";

const { values, positionals: words } = parseArgs({
  allowPositionals: true,
  options: {
    inputs: { type: "string", default: "1000000" },
    jobs: { type: "string", default: "2" },
    seed: { type: "string", default: `${process.env.FUZZ_SEED ?? commitSeed()}` },
  },
});
/** The longest run of one file, ms. */
const timeout = 6 * 3_600_000;
/** Files that take longest, first. */
const longest = ["dtls", "media-transport", "media-offer", "sdp", "xmpp", "package", "jingle", "sip-agent"];

ensureModules();
const env = { ...process.env, FUZZ_RUNS: values.inputs, FUZZ_SEED: values.seed };
const logs = `${root}.cache/fuzz`;
mkdirSync(logs, { recursive: true });
const names = readdirSync(`${root}test/fuzz`)
  .filter((file) => file.endsWith(".test.ts"))
  .map((file) => file.slice(0, -".test.ts".length))
  .filter((name) => words.length === 0 || words.some((word) => name.includes(word)));
const rank = (name) => (longest.includes(name) ? longest.indexOf(name) : longest.length);
const queue = names.sort((one, other) => rank(one) - rank(other));

console.log(`${values.inputs} inputs for each target of ${names.join(", ")}; FUZZ_SEED=${values.seed}`);
const rows = [];
await Promise.all(Array.from({ length: Number(values.jobs) }, worker));
console.log(`\n${["result", "file", "inputs", "s of CPU", "heap early, late (MB)", "target"].join(" | ")}`);
for (const row of rows) console.log(row.join(" | "));
if (rows.length === 0 || rows.some(([result]) => result !== "pass")) process.exitCode = 1;

async function worker() {
  for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
    const { status, output } = await finished([
      "test",
      `./test/fuzz/${name}.test.ts`,
      `--timeout=${timeout}`,
    ]);
    writeFileSync(`${logs}/${name}.log`, output);
    const own = rowsOf(name, output);
    if (status !== 0 && own.every(([result]) => result === "pass"))
      own.push(["fail", name, "", "", "", `ended with ${status}`]);
    rows.push(...own);
    for (const row of own) console.log(row.join(" | "));
    if (status !== 0) console.log(`what it printed: .cache/fuzz/${name}.log`);
  }
}

/** A target prints its count, CPU time and heap ahead of the line of its result. */
function rowsOf(name, output) {
  const made = [];
  let counted = ["", "", ""];
  for (const line of output.split("\n")) {
    const told = /^fuzz: (\d+) inputs in ([\d.]+) s of CPU, heap ([\d.]+) MB early and ([\d.]+) MB late/.exec(
      line,
    );
    if (told !== null) counted = [told[1], told[2], `${told[3]}, ${told[4]}`];
    const ended = /^\((pass|fail)\) (.*?)( \[[\d.]+m?s\])?$/.exec(line);
    if (ended === null) continue;
    made.push([ended[1], name, ...counted, ended[2]]);
    counted = ["", "", ""];
  }
  return made;
}

function finished(args) {
  return new Promise((resolve) => {
    const child = spawn(bun, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"], env });
    const output = [];
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (part) => output.push(part));
    child.on("error", (error) => output.push(Buffer.from(`${error.message}\n`)));
    child.on("close", (status) => resolve({ status, output: Buffer.concat(output).toString() }));
  });
}
