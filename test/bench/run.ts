import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { relayBesideRecords, relayWhileListed } from "./application.ts";
import { attackReport, attacks } from "./attacks.ts";
import { clusterReport } from "./cluster-report.ts";
import { failover } from "./failover.ts";
import { relayBesideGateways, setupThroughGateways } from "./gateways.ts";
import { jingleMapping, jingleWays } from "./jingle.ts";
import { benchMedia } from "./media.ts";
import { mediaReport } from "./media-report.ts";
import { benchMqtt } from "./mqtt.ts";
import { report } from "./report.ts";
import {
  across,
  type Figures,
  fanout,
  idle,
  peerjsServers,
  relay,
  relayBesideMedia,
  relayServers,
  resume,
  setup,
} from "./scenarios.ts";
import { sipInvite, sipServers } from "./sip-invite.ts";
import { sipParse, sipParsers } from "./sip-parse.ts";
import { benchTurn } from "./turn.ts";
import { turnReport } from "./turn-report.ts";
import { benchXmpp } from "./xmpp.ts";

const { values } = parseArgs({
  options: {
    runs: { type: "string", default: "3" },
    quick: { type: "boolean", default: false },
    only: { type: "string", default: "" },
    beside: { type: "string", default: "" },
    record: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  console.log(`Measures the server beside the PeerJS server, its TURN beside coturn, and its media server beside the kernel's limit: npm run bench -- [options]

  --runs N      interleaved runs of which the medians count (default 3)
  --only A,B    relay-a, relay-b, relay-media, relay-gateways, relay-records-a, relay-records-b, relay-listed, memory, peerjs-relay, peerjs-memory, setup, setup-gateways, fanout, resume, sip-parse, sip-invite, jingle, turn, media, hls, mqtt, xmpp, attacks; across nodes (with nats-server): relay-nodes,
                setup-nodes, fanout-nodes, resume-nodes, failover; \`nodes\` for all of those
                By themselves: records (searches among a million), webhooks (event to receiver), hooks (call set-up with authorize)
  --beside A,B  of the attacks, those whose names contain one of these texts
  --quick       short, to see that it works: the figures mean little
  --record      writes docs/benchmarks.md; leave the machine alone meanwhile`);
  process.exit(0);
}

/** Programs of their own, which print their figures. */
const programs = ["records", "webhooks", "hooks"];
const named = values.only.split(",");
if (named.every((name) => programs.includes(name))) {
  for (const name of named) {
    const file = fileURLToPath(new URL(`${name}.ts`, import.meta.url));
    spawnSync(process.execPath, [file, ...(values.quick ? ["--quick"] : [])], { stdio: "inherit" });
  }
  process.exit(0);
}

const times = values.quick
  ? { warmUp: 1, measure: 2, links: 2_000, settle: 3 }
  : { warmUp: 3, measure: 8, links: 10_000, settle: 12 };
const runs = values.quick ? 1 : Number(values.runs);

const { warmUp, measure } = times;
const relayAcross = { scenario: "relay", devices: 200, inFlight: 4, warmUp, measure } as const;
const setupAcross = { scenario: "setup", devices: 400, rate: 100, warmUp, measure } as const;
const fanoutAcross = { scenario: "fanout", devices: 160, rate: 25, warmUp, measure } as const;
const resumeAcross = { scenario: "resume", devices: 200, rate: 50, warmUp, measure } as const;

/** Relay beside something else, and without it. */
const besides = ["relay-media", "relay-gateways", "relay-records-a", "relay-records-b", "relay-listed"];

/** Each scenario's runs: ours, PeerJS, ours, PeerJS … so that what the machine does meanwhile hits both. */
const plan: Record<string, (() => Figures | Promise<Figures>)[]> = {
  "relay-a": relayServers.map((name) => () => relay(name, 1_000, 1, times)),
  "relay-b": relayServers.map((name) => () => relay(name, 200, 8, times)),
  "relay-gateways": [false, true].map((on) => () => relayBesideGateways(on, times)),
  "relay-records-a": [false, true].map((on) => () => relayBesideRecords("a", on, times)),
  "relay-records-b": [false, true].map((on) => () => relayBesideRecords("b", on, times)),
  "relay-listed": [false, true].map((on) => () => relayWhileListed(on, times)),
  "relay-media": [false, true].map((media) => () => relayBesideMedia(media, times)),
  memory: [() => idle("switchboard", times), () => idle("peerjs", times)],
  "peerjs-relay": peerjsServers.map((name) => () => relay(name, 200, 8, times)),
  "peerjs-memory": peerjsServers.map((name) => () => idle(name, times)),
  setup: [() => setup(times)],
  "setup-gateways": [() => setupThroughGateways(times)],
  fanout: [() => fanout(times)],
  resume: [() => resume(times)],
  "sip-parse": sipParsers.map((name) => () => sipParse(name, times)),
  "sip-invite": sipServers.map((name) => () => sipInvite(name, times)),
  jingle: jingleWays.map((way) => () => jingleMapping(way, times)),
  "relay-nodes": [() => across(1, relayAcross), () => across(2, relayAcross)],
  "setup-nodes": [() => across(1, setupAcross), () => across(2, setupAcross)],
  "fanout-nodes": [() => across(1, fanoutAcross), () => across(3, fanoutAcross)],
  "resume-nodes": [() => across(1, resumeAcross), () => across(3, resumeAcross)],
  failover: [() => failover(values.quick ? 1 : 3)],
};
const only = values.only.split(",").flatMap((name) => (name === "nodes" ? acrossNodes() : [name]));

const results: Record<string, Figures[][]> = {};
for (const [name, servers] of Object.entries(plan)) {
  if (values.only !== "" && !only.includes(name)) continue;
  const all: Figures[][] = servers.map(() => []);
  results[name] = all;
  // A difference of some hundredths shows in many runs only.
  const rounds = besides.includes(name) && !values.quick ? Math.max(7, runs) : runs;
  for (let run = 0; run < rounds; run++)
    for (const [index, measure] of servers.entries()) {
      const figures = await measure();
      all[index]?.push(figures);
      const text = Object.entries(figures).map(([key, value]) => `${key} ${value.toPrecision(4)}`);
      console.log(`${name} ${subjects(name)[index]} run ${run + 1}: ${text.join(", ")}`);
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

const measured = Object.keys(results);
if (measured.some((name) => !acrossNodes().includes(name)))
  show("results", report(results, { runs, ...times }));
if (measured.some((name) => acrossNodes().includes(name)))
  show("nodes", clusterReport(results, { runs, ...times }));
if (values.only === "" || only.includes("turn")) {
  const size = values.quick
    ? { rounds: 1, messages: 300, allocations: 300 }
    : { rounds: Math.max(5, runs), messages: 1_000, allocations: 1_000 };
  const figures = await benchTurn(size);
  if (figures === undefined) console.log("turn: skipped, Debian's package coturn is missing");
  else show("turn", turnReport(figures, size));
}

if (only.includes("hls")) {
  // It measures the CPU of its own process.
  const program = fileURLToPath(new URL("hls.ts", import.meta.url));
  spawnSync(process.execPath, [program, values.quick ? "10" : "60"], { stdio: "inherit" });
}
if (values.only === "" || only.includes("media")) {
  const size = values.quick
    ? {
        ...{ runs: 1, flatOut: 1, viewers: 50, paced: 2, many: 100, joins: 100 },
        ...{ firstFrames: 20, firstFramesTcp: 20, janus: 30 },
      }
    : {
        runs,
        flatOut: 3,
        viewers: 500,
        paced: 8,
        many: 1_000,
        joins: 1_000,
        firstFrames: 200,
        firstFramesTcp: 60,
        janus: 100,
      };
  show("media", mediaReport(await benchMedia(size), size));
}

if (values.only === "" || only.includes("mqtt")) {
  const size = values.quick
    ? { pairs: 4, seconds: 1, idle: 50, runs: 1 }
    : { pairs: 20, seconds: 3, idle: 1_000, runs };
  show("mqtt", await benchMqtt(size));
}

if (values.only === "" || only.includes("xmpp")) {
  const size = values.quick
    ? { pairs: 4, seconds: 1, idle: 50, signingIn: 8, runs: 1 }
    : { pairs: 20, seconds: 3, idle: 1_000, signingIn: 32, runs };
  show("xmpp", await benchXmpp(size));
}

if (values.only === "" || only.includes("attacks")) {
  const seconds = values.quick ? 1 : 10;
  show("attacks", attackReport(await attacks(seconds, values.beside.split(",")), seconds));
}

// A server that was stopped may have left a timer or a pipe that would keep this process.
process.exit(0);

function acrossNodes(): string[] {
  return Object.keys(plan).filter((name) => name.endsWith("-nodes") || name === "failover");
}

/** What is measured side by side. */
function subjects(name: string): readonly string[] {
  if (name === "sip-parse") return sipParsers;
  if (name === "sip-invite") return sipServers;
  if (name === "jingle") return jingleWays;
  if (name.startsWith("peerjs-")) return peerjsServers;
  if (name === "relay-gateways") return ["all gateways off", "on and idle"];
  if (name.startsWith("relay-records-")) return ["without records and webhooks", "with both"];
  if (name === "relay-listed") return ["alone", "while 10,000 devices are listed"];
  if (name === "setup-gateways") return ["PeerJS to MQTT"];
  if (name === "relay-media") return ["without the media server", "with an idle one"];
  return acrossNodes().includes(name) ? ["one node", "several"] : relayServers;
}
