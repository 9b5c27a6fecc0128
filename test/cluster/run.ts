// The fault tests: npm run faults -- --help
import { parseArgs } from "node:util";
import { runWebhooks } from "../webhooks/run.ts";
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
    calls: { type: "string", default: "2000" },
    nodes: { type: "string", default: "1,3" },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  console.log(`Runs clusters of real processes on a real NATS under load, and what happens to clusters:
npm run faults -- [options]

  --times N       all of it N times in a row (default 1)
  --only A,B      some scenarios: ${Object.keys(scenarios).join(", ")}
  --only webhooks what webhooks promise, under kill -9 at random: one node, then three
  --calls N       calls of a run of webhooks (default 2000); --nodes 1 or 3: with so many nodes alone
  --seed N        what the load's chance begins with (default 1)
  --pace short    faults that last for as long as in npm test, and nodes that give each other up sooner`);
  process.exit(0);
}
const pace = values.pace === "short" ? "short" : "full";
if (values.one !== "") {
  console.log(JSON.stringify(await runScenario(values.one, Number(values.seed), paces[pace])));
  process.exit(0);
}

if (values.only === "webhooks") {
  let broken = 0;
  for (let time = 0; time < Number(values.times); time++)
    for (const nodes of values.nodes.split(",").map(Number)) {
      const seed = Number(values.seed) + time;
      const options = { nodes, calls: Number(values.calls), seed, pairs: 24, killEvery: 4_000 };
      const { findings, ...figures } = await runWebhooks(options);
      console.log(JSON.stringify({ nodes, seed, ...figures, findings: findings.length }));
      for (const finding of findings.slice(0, 20)) console.log(`  ${finding}`);
      broken += findings.length;
    }
  console.log(broken === 0 ? "no promise was broken" : "a promise was broken");
  process.exit(broken === 0 ? 0 : 1);
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
