import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { cpus, release } from "node:os";
import { jingleWays } from "./jingle.ts";
import type { BenchTimes, Figures } from "./scenarios.ts";
import { sipServers } from "./sip-invite.ts";
import { sipParsers } from "./sip-parse.ts";
import {
  bytes,
  cell,
  count,
  median,
  megabytes,
  ms,
  type Results,
  share,
  table,
  timeRow,
  verdict,
} from "./table.ts";

/** What was to be reached (docs/benchmarks.md says why). */
const goals = {
  peerjsRelay: 2,
  peerjsMemory: 0.7,
  relay: 2.5,
  bytesPerLink: 4_096,
  setupP99: 10,
  setupThroughGatewaysP99: 20,
  jingleMicroseconds: 600,
};
const peerjsServers = ["Switchboard, by its gateway", "PeerJS server"] as const;
const servers = ["Switchboard", "PeerJS server", "`Bun.serve` alone"] as const;

/** Relay beside what the application's server has of Switchboard: name, title, what is compared, and the least ratio. */
const applicationSide = [
  ["relay-records-a", "Relay A with records, ladders and an endpoint of webhooks", ["off", "on"], 0.9],
  ["relay-records-b", "Relay B with records, ladders and an endpoint of webhooks", ["off", "on"], 0.9],
  ["relay-listed", "Relay A while 10,000 devices are listed once a second", ["alone", "listed"], 0.95],
] as const;

/** The figures as Markdown: medians of the runs, and the least and most in brackets. */
export function report(results: Results, how: BenchTimes & { runs: number }): string {
  const lines = [
    `${new Date().toISOString().slice(0, 10)}, ${machine()}. Medians of ${how.runs} interleaved runs of ${how.measure} s each (least–most).`,
    "",
  ];
  const relays = [
    ["relay-a", "A: 1,000 devices in 500 sessions, one in flight each"],
    ["relay-b", "B: 200 devices, 8 in flight each"],
  ] as const;
  for (const [name, title] of relays) {
    const both = results[name];
    if (both === undefined) continue;
    lines.push(`### Relay ${title}`, "", ...relayTable(both), "");
  }
  const beside = results["relay-media"];
  if (beside !== undefined)
    lines.push("### Relay A beside an idle media server", "", ...besideTable(beside), "");
  const gateways = results["relay-gateways"];
  if (gateways !== undefined)
    lines.push("### Relay A beside idle gateways", "", ...besideTable(gateways, ["all off", "all on"]), "");
  for (const [name, title, subjects] of applicationSide) {
    const both = results[name];
    if (both !== undefined) lines.push(`### ${title}`, "", ...besideTable(both, subjects), "");
  }
  const memory = results.memory;
  if (memory !== undefined) lines.push("### Memory per idle link", "", ...memoryTable(memory, how.links), "");
  const { "peerjs-relay": peerjsRelay, "peerjs-memory": peerjsMemory } = results;
  if (peerjsRelay !== undefined || peerjsMemory !== undefined) lines.push("### PeerJS clients", "");
  if (peerjsRelay !== undefined) lines.push(...relayTable(peerjsRelay, peerjsServers), "");
  if (peerjsMemory !== undefined) lines.push(...memoryTable(peerjsMemory, how.links, peerjsServers), "");
  const timings = [
    ["setup", "`call` → `accepted` at 200 set-ups/s"],
    ["setup-gateways", "PeerJS's OFFER → ANSWER by a device over MQTT at 100/s"],
    ["fanout", "`call` → the last of 8 devices rings, 50/s"],
    ["resume", "broken transport → `welcome` over a new one, 100/s"],
  ] as const;
  const rows = timings.flatMap(([name, title]) => timeRow(results, [name, 0], title));
  if (rows.length > 0)
    lines.push("### Times", "", "| | p50 | p99 | server CPU |", "|---|---|---|---|", ...rows, "");
  const parsing = results["sip-parse"];
  if (parsing !== undefined) lines.push("### Parsing one INVITE", "", ...parseTable(parsing), "");
  const invites = results["sip-invite"];
  if (invites !== undefined) lines.push("### Calls by SIP", "", ...inviteTable(invites), "");
  const { jingle } = results;
  if (jingle !== undefined) lines.push("### Jingle and SDP", "", ...jingleTable(jingle), "");
  lines.push("### Goals", "", ...verdicts(results));
  return lines.join("\n");
}

function relayTable(
  both: readonly (readonly Figures[])[],
  names: readonly string[] = [...servers, "`Bun.serve` alone"],
): string[] {
  const all = both.map((runs) => runs.map((run) => ({ ...run, perCpuSecond: perCpuSecond(run) })));
  return table(names, all, [
    ["relayed/s", "messagesPerSecond", count],
    ["p50", "p50", ms],
    ["p99", "p99", ms],
    ["relayed per CPU second of the server", "perCpuSecond", count],
    ["server CPU", "serverCpu", share],
    ["generator CPU", "generatorCpu", share],
  ]);
}

function besideTable(
  both: readonly (readonly Figures[])[],
  names: readonly string[] = ["without", "with"],
): string[] {
  const all = both.map((runs) => runs.map((run) => ({ ...run, perCpuSecond: perCpuSecond(run) })));
  return table(names, all, [
    ["relayed/s", "messagesPerSecond", count],
    ["p50", "p50", ms],
    ["p99", "p99", ms],
    ["relayed per CPU second of the server", "perCpuSecond", count],
  ]);
}

function memoryTable(
  both: readonly (readonly Figures[])[],
  links: number,
  names: readonly string[] = servers,
): string[] {
  return table(names, both, [
    ["per link", "bytesPerLink", bytes],
    ["RSS before", "before", megabytes],
    [`with ${links} links`, "after", megabytes],
  ]);
}

function parseTable(all: readonly (readonly Figures[])[]): string[] {
  const own = median(all[0] ?? [], "microseconds");
  const rows = all.map((runs, index) => {
    const ratio = median(runs, "microseconds") / own;
    return `| ${sipParsers[index]} | ${cell(runs, "microseconds", (value) => `${value.toFixed(1)} µs`)} | ${ratio.toFixed(2)} × |`;
  });
  return ["| | CPU | beside ours |", "|---|---|---|", ...rows];
}

function jingleTable(all: readonly (readonly Figures[])[]): string[] {
  return table(jingleWays, all, [
    ["CPU, text to text", "microseconds", (value) => `${Math.round(value)} µs`],
    ["characters of the stanza", "bytes", count],
  ]);
}

function inviteTable(raw: readonly (readonly Figures[])[]): string[] {
  const all = raw.map((runs) =>
    runs.map((run) => ({ ...run, perCpuSecond: (run.setupsPerSecond ?? 0) / (run.serverCpu ?? 1) })),
  );
  return table(sipServers, all, [
    ["INVITE → 200 a second", "setupsPerSecond", count],
    ["per CPU second of the server", "perCpuSecond", count],
    ["p50", "p50", ms],
    ["p99", "p99", ms],
    ["server CPU", "serverCpu", share],
    ["generator CPU", "generatorCpu", share],
  ]);
}

function verdicts(results: Results): string[] {
  const lines: string[] = [];
  const judge = (what: string, reached: boolean) => lines.push(verdict(what, reached));
  for (const name of ["relay-a", "relay-b"]) {
    const [ours, theirs, bare] = results[name] ?? [];
    if (ours === undefined || theirs === undefined || bare === undefined) continue;
    const [ratio, most] = [ours, bare].map(
      (runs) => median(runs, "messagesPerSecond") / median(theirs, "messagesPerSecond"),
    ) as [number, number];
    const letter = name.at(-1)?.toUpperCase();
    judge(
      `relay ${letter} ≥ ${goals.relay} × PeerJS: ${ratio.toFixed(2)} × (\`Bun.serve\` alone: ${most.toFixed(2)} ×)`,
      ratio >= goals.relay,
    );
  }
  const [without, beside] = results["relay-media"] ?? [];
  if (without !== undefined && beside !== undefined) {
    const ratio = median(beside, "messagesPerSecond") / median(without, "messagesPerSecond");
    judge(`relay A beside an idle media server ≥ 0.95 × without: ${ratio.toFixed(3)} ×`, ratio >= 0.95);
  }
  const [off, on] = results["relay-gateways"] ?? [];
  if (off !== undefined && on !== undefined) {
    const ratio = median(on, "messagesPerSecond") / median(off, "messagesPerSecond");
    judge(`relay A with all gateways on and idle ≥ 0.95 × off: ${ratio.toFixed(3)} ×`, ratio >= 0.95);
  }
  for (const [name, title, , least] of applicationSide) {
    const [alone, both] = results[name] ?? [];
    if (alone === undefined || both === undefined) continue;
    const ratio = median(both, "messagesPerSecond") / median(alone, "messagesPerSecond");
    judge(
      `${title[0]?.toLowerCase()}${title.slice(1)} ≥ ${least} × without: ${ratio.toFixed(3)} ×`,
      ratio >= least,
    );
  }
  const [memory] = results.memory ?? [];
  if (memory !== undefined) {
    const size = median(memory, "bytesPerLink");
    judge(`≤ 4 KB per idle authenticated link: ${bytes(size)}`, size <= goals.bytesPerLink);
  }
  const [relayed, relayedThere] = results["peerjs-relay"] ?? [];
  if (relayed !== undefined && relayedThere !== undefined) {
    const ratio = median(relayed, "messagesPerSecond") / median(relayedThere, "messagesPerSecond");
    judge(
      `PeerJS clients: relayed ≥ ${goals.peerjsRelay} × PeerJS server: ${ratio.toFixed(2)} ×`,
      ratio >= goals.peerjsRelay,
    );
  }
  const [held, heldThere] = results["peerjs-memory"] ?? [];
  if (held !== undefined && heldThere !== undefined) {
    const ratio = median(held, "bytesPerLink") / median(heldThere, "bytesPerLink");
    judge(
      `PeerJS clients: memory ≤ ${goals.peerjsMemory} × PeerJS server: ${ratio.toFixed(2)} ×`,
      ratio <= goals.peerjsMemory,
    );
  }
  for (const [index, runs] of (results.jingle ?? []).entries()) {
    const took = median(runs, "microseconds");
    judge(
      `${jingleWays[index]} ≤ ${goals.jingleMicroseconds} µs: ${Math.round(took)} µs`,
      took <= goals.jingleMicroseconds,
    );
  }
  const [setups] = results.setup ?? [];
  if (setups !== undefined) {
    const p99 = median(setups, "p99");
    judge(`call set-up p99 ≤ ${goals.setupP99} ms: ${ms(p99)}`, p99 <= goals.setupP99);
  }
  const [through] = results["setup-gateways"] ?? [];
  if (through !== undefined) {
    const p99 = median(through, "p99");
    const goal = goals.setupThroughGatewaysP99;
    judge(`call set-up through two gateways p99 ≤ ${goal} ms: ${ms(p99)}`, p99 <= goal);
  }
  return lines;
}

/** What the relaying costs, whatever else the machine has to do. */
function perCpuSecond(run: Figures): number {
  return (run.messagesPerSecond ?? 0) / (run.serverCpu ?? 1);
}

/** The machine and its programs. */
export function machine(): string {
  const memory = /MemTotal:\s+(\d+)/.exec(readFileSync("/proc/meminfo", "utf8"))?.[1] ?? "0";
  const node = execFileSync("node", ["--version"], { encoding: "utf8" }).trim();
  const { length } = cpus();
  return `${length} × ${cpus()[0]?.model ?? "CPU"}, ${Math.round(Number(memory) / 1_048_576)} GB, Linux ${release()}, Bun ${Bun.version} (Switchboard, generator), Node ${node} (PeerJS server)`;
}
