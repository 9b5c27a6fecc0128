// A long run under a steady load: npm run soak -- --help
import { parseArgs } from "node:util";
import { residentBytes } from "../bench/bench-process.ts";
import { check } from "../cluster/checker.ts";
import { ClusterNode } from "../cluster/cluster-node.ts";
import { Journal } from "../cluster/journal.ts";
import { sleep } from "../cluster/line.ts";
import { Random } from "../fuzz/random.ts";
import { NatsServer } from "../support/nats-server.ts";
import { type Sample, slope } from "./slope.ts";
import { SoakLoad } from "./soak-load.ts";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "30" },
    links: { type: "string", default: "5000" },
    nodes: { type: "string", default: "3" },
    seed: { type: "string", default: "1" },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  console.log(`A steady load on a cluster for a long time, and whether its memory grows: npm run soak -- [options]

  --minutes N   how long (default 30); the first third warms up, and does not count for the slope
  --links N     devices (default 5000)
  --nodes N     nodes (default 3)
  --seed N      what the load's chance begins with (default 1)`);
  process.exit(0);
}

const minutes = Number(values.minutes);
/** Between two samples of the memory, and between two lines of the output. ms */
const [sampleEvery, sayEvery] = [5_000, 60_000];

const nats = await NatsServer.start();
const nodes = await Promise.all(
  Array.from({ length: Number(values.nodes) }, (_, n) =>
    ClusterNode.start({ name: `n${n + 1}`, nats: nats.url }),
  ),
);
await sleep(2_500);
const journal = new Journal();
const load = new SoakLoad(
  nodes.map(({ url }) => url),
  journal,
  new Random(Number(values.seed)),
  { links: Number(values.links), calls: 20, resumes: 40, messages: 100, roomChanges: 20 },
);
const signing = performance.now();
await load.signIn();
console.log(`${load.phones.length} links in ${Math.round(performance.now() - signing)} ms`);

const running = load.run();
const began = performance.now();
const hours = () => (performance.now() - began) / 3_600_000;
const memory = nodes.map((): Sample[] => []);
let saidAt = began;
while (hours() * 60 < minutes) {
  await sleep(Math.min(sampleEvery, minutes * 60_000));
  for (const [n, { pid }] of nodes.entries()) memory[n]?.push([hours(), residentBytes(pid) / 2 ** 20]);
  if (performance.now() - saidAt < sayEvery) continue;
  saidAt = performance.now();
  const now = memory.map((samples) => `${Math.round(samples.at(-1)?.[1] ?? 0)} MB`).join(", ");
  console.log(`${Math.round(hours() * 60)} min: ${load.online} online, ${now}, ${JSON.stringify(load.done)}`);
}
load.stop();
await running;
for (const { device } of load.phones) device.close();
await sleep(3_000);
const left = await Promise.all(nodes.map((node) => node.health()));

console.log("\nnode  MB at the start  at the end  slope, MB/h  links left  sessions left");
for (const [n, node] of nodes.entries()) {
  const samples = memory[n] ?? [];
  const steady = samples.slice(Math.floor(samples.length / 3));
  const cells = [
    node.name.padEnd(6),
    `${Math.round(samples[0]?.[1] ?? 0)}`.padEnd(17),
    `${Math.round(samples.at(-1)?.[1] ?? 0)}`.padEnd(12),
    slope(steady).toFixed(1).padEnd(13),
    `${left[n]?.links}`.padEnd(12),
    `${left[n]?.sessions}`,
  ];
  console.log(cells.join(""));
}
const findings = check(journal.entries, { mayLose: [] });
const { calls, failed, resumes, messages, joins, refused } = load.done;
console.log(
  `\n${calls} calls (${failed} failed), ${resumes} resumes, ${messages} messages, ${joins} joins, ${refused} refused, ${findings.length} promises broken`,
);
for (const { rule, text } of findings.slice(0, 20)) console.log(`  ${rule}: ${text}`);
await Promise.all(nodes.map((node) => node.stop()));
await nats.stop();
process.exit(findings.length === 0 ? 0 : 1);
