import { readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { report } from "./report.ts";
import { type Figures, fanout, idle, relay, resume, setup } from "./scenarios.ts";
import { sipParse, sipParsers } from "./sip-parse.ts";

const { values } = parseArgs({
  options: {
    runs: { type: "string", default: "3" },
    quick: { type: "boolean", default: false },
    only: { type: "string", default: "" },
    record: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  console.log(`Measures the server beside the PeerJS server: npm run bench -- [options]

  --runs N      interleaved runs of which the medians count (default 3)
  --only NAME   relay-a, relay-b, memory, setup, fanout, resume or sip-parse
  --quick       short, to see that it works: the figures mean little
  --record      writes docs/benchmarks.md; leave the machine alone meanwhile`);
  process.exit(0);
}

const times = values.quick
  ? { warmUp: 1, measure: 2, links: 2_000, settle: 3 }
  : { warmUp: 3, measure: 8, links: 10_000, settle: 12 };
const runs = values.quick ? 1 : Number(values.runs);

/** Each scenario's runs: ours, PeerJS, ours, PeerJS … so that what the machine does meanwhile hits both. */
const plan: Record<string, (() => Figures | Promise<Figures>)[]> = {
  "relay-a": [() => relay("switchboard", 1_000, 1, times), () => relay("peerjs", 1_000, 1, times)],
  "relay-b": [() => relay("switchboard", 200, 8, times), () => relay("peerjs", 200, 8, times)],
  memory: [() => idle("switchboard", times), () => idle("peerjs", times)],
  setup: [() => setup(times)],
  fanout: [() => fanout(times)],
  resume: [() => resume(times)],
  "sip-parse": sipParsers.map((name) => () => sipParse(name, times)),
};

const results: Record<string, Figures[][]> = {};
for (const [name, servers] of Object.entries(plan)) {
  if (values.only !== "" && values.only !== name) continue;
  const all: Figures[][] = servers.map(() => []);
  results[name] = all;
  for (let run = 0; run < runs; run++)
    for (const [index, measure] of servers.entries()) {
      const figures = await measure();
      all[index]?.push(figures);
      const text = Object.entries(figures).map(([key, value]) => `${key} ${value.toPrecision(4)}`);
      const subject = name === "sip-parse" ? sipParsers[index] : index === 0 ? "switchboard" : "peerjs";
      console.log(`${name} ${subject} run ${run + 1}: ${text.join(", ")}`);
    }
}

const text = report(results, { runs, ...times });
console.log(`\n${text}`);
if (values.record) {
  const path = new URL("../../docs/benchmarks.md", import.meta.url);
  const before = readFileSync(path, "utf8");
  const after = before.replace(
    /<!-- results -->[\s\S]*<!-- end -->/,
    () => `<!-- results -->\n${text}\n<!-- end -->`,
  );
  writeFileSync(path, after);
  console.log("wrote docs/benchmarks.md");
}
