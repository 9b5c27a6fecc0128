// The fault tests: npm run faults -- --help
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { type FaultRow, runScenario, table } from "./fault-run.ts";
import { scenarios } from "./scenarios.ts";

const { values } = parseArgs({
  options: {
    times: { type: "string", default: "1" },
    only: { type: "string", default: "" },
    seed: { type: "string", default: "1" },
    one: { type: "string", default: "" },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  console.log(`Runs clusters of real processes on a real NATS under load, and what happens to clusters:
npm run faults -- [options]

  --times N       all of it N times in a row (default 1)
  --only A,B      some scenarios: ${Object.keys(scenarios).join(", ")}
  --seed N        what the load's chance begins with (default 1)`);
  process.exit(0);
}
if (values.one !== "") {
  console.log(JSON.stringify(await runScenario(values.one, Number(values.seed))));
  process.exit(0);
}

/** Scenarios that mostly wait run side by side. */
const lanes = [
  ["nats-long"],
  ["kill"],
  ["freeze", "kill-both"],
  ["partition", "nats-short"],
  ["clocks", "rolling"],
];
const wanted = values.only === "" ? Object.keys(scenarios) : values.only.split(",");
let failed = 0;
for (let time = 0; time < Number(values.times); time++) {
  const began = performance.now();
  const seed = Number(values.seed) + time;
  const rows = await Promise.all(
    lanes.map(async (lane) => {
      const rows: FaultRow[] = [];
      for (const name of lane) if (wanted.includes(name)) rows.push(await inChild(name, seed));
      return rows;
    }),
  );
  const all = rows.flat();
  failed += all.filter(({ findings }) => findings.length > 0).length;
  console.log(`run ${time + 1} of ${values.times}, seed ${seed}, ${seconds(performance.now() - began)} s`);
  console.log(`${table(all)}\n`);
}
console.log(failed === 0 ? "no promise was broken" : `${failed} scenarios broke a promise`);
process.exit(failed === 0 ? 0 : 1);

function seconds(ms: number): number {
  return Math.round(ms / 1_000);
}

/** A process of its own: clusters do not share a load generator's event loop. */
function inChild(name: string, seed: number): Promise<FaultRow> {
  const args = [fileURLToPath(import.meta.url), "--one", name, "--seed", String(seed)];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.on("data", (text) => {
    output += text;
  });
  return new Promise((resolve, reject) => {
    child.once("close", (code) => {
      if (code === 0) resolve(JSON.parse(output) as FaultRow);
      else reject(new Error(`scenario ${name} ended with ${code}:\n${output}`));
    });
  });
}
