import { readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { report } from "./report.ts";
import { type Figures, fanout, idle, relay, resume, setup } from "./scenarios.ts";
import { benchTurn } from "./turn.ts";
import { turnReport } from "./turn-report.ts";

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
  console.log(`Measures the server beside the PeerJS server, and its TURN beside coturn: npm run bench -- [options]

  --runs N      interleaved runs of which the medians count (default 3)
  --only NAME   relay-a, relay-b, memory, setup, fanout, resume or turn
  --quick       short, to see that it works: the figures mean little
  --record      writes docs/benchmarks.md; leave the machine alone meanwhile`);
  process.exit(0);
}

const times = values.quick
  ? { warmUp: 1, measure: 2, links: 2_000, settle: 3 }
  : { warmUp: 3, measure: 8, links: 10_000, settle: 12 };
const runs = values.quick ? 1 : Number(values.runs);

/** Each scenario's runs: ours, PeerJS, ours, PeerJS … so that what the machine does meanwhile hits both. */
const plan: Record<string, (() => Promise<Figures>)[]> = {
  "relay-a": [() => relay("switchboard", 1_000, 1, times), () => relay("peerjs", 1_000, 1, times)],
  "relay-b": [() => relay("switchboard", 200, 8, times), () => relay("peerjs", 200, 8, times)],
  memory: [() => idle("switchboard", times), () => idle("peerjs", times)],
  setup: [() => setup(times)],
  fanout: [() => fanout(times)],
  resume: [() => resume(times)],
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
      console.log(`${name} ${index === 0 ? "switchboard" : "peerjs"} run ${run + 1}: ${text.join(", ")}`);
    }
}

/** Shows the figures, and with --record writes them between the marks of this name. */
function show(name: string, text: string): void {
  console.log(`\n${text}`);
  if (!values.record) return;
  const path = new URL("../../docs/benchmarks.md", import.meta.url);
  const marks = new RegExp(`<!-- ${name} -->[\\s\\S]*?<!-- end -->`);
  writeFileSync(
    path,
    readFileSync(path, "utf8").replace(marks, () => `<!-- ${name} -->\n${text}\n<!-- end -->`),
  );
  console.log("wrote docs/benchmarks.md");
}

if (values.only !== "turn") show("results", report(results, { runs, ...times }));
if (values.only === "" || values.only === "turn") {
  const size = values.quick
    ? { rounds: 1, messages: 300, allocations: 300 }
    : { rounds: Math.max(5, runs), messages: 1_000, allocations: 1_000 };
  const figures = await benchTurn(size);
  if (figures === undefined) console.log("turn: skipped, Debian's package coturn is missing");
  else show("turn", turnReport(figures, size));
}
