// The fault tests: npm run faults -- --help
import { parseArgs } from "node:util";
import { runLanes } from "./fault-lanes.ts";
import { runScenario, table } from "./fault-run.ts";
import { paces, scenarios } from "./scenarios.ts";

const { values } = parseArgs({
  options: {
    times: { type: "string", default: "1" },
    only: { type: "string", default: "" },
    seed: { type: "string", default: "1" },
    pace: { type: "string", default: "full" },
    one: { type: "string", default: "" },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  console.log(`Runs clusters of real processes on a real NATS under load, and what happens to clusters:
npm run faults -- [options]

  --times N       all of it N times in a row (default 1)
  --only A,B      some scenarios: ${Object.keys(scenarios).join(", ")}
  --seed N        what the load's chance begins with (default 1)
  --pace short    faults that last for as long as in npm test, and nodes that give each other up sooner`);
  process.exit(0);
}
const pace = values.pace === "short" ? "short" : "full";
if (values.one !== "") {
  console.log(JSON.stringify(await runScenario(values.one, Number(values.seed), paces[pace])));
  process.exit(0);
}

const wanted = values.only === "" ? Object.keys(scenarios) : values.only.split(",");
let failed = 0;
for (let time = 0; time < Number(values.times); time++) {
  const began = performance.now();
  const seed = Number(values.seed) + time;
  const all = await Promise.all(runLanes(wanted, seed, pace).values());
  failed += all.filter(({ findings }) => findings.length > 0).length;
  console.log(`run ${time + 1} of ${values.times}, seed ${seed}, ${seconds(performance.now() - began)} s`);
  console.log(`${table(all)}\n`);
}
console.log(failed === 0 ? "no promise was broken" : `${failed} scenarios broke a promise`);
process.exit(failed === 0 ? 0 : 1);

function seconds(ms: number): number {
  return Math.round(ms / 1_000);
}
