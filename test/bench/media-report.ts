import { spawnSync } from "node:child_process";
import { burst, type MediaBenchSize, type MediaFigures } from "./media.ts";
import { type Way, ways } from "./media-live.ts";
import { machine } from "./report.ts";
import type { Figures } from "./scenarios.ts";
import { cell, count, median, ms, share, verdict } from "./table.ts";

const titles: Readonly<Record<Way, string>> = {
  portable: "portable: node:crypto, `sendMany`",
  sendmmsg: "accelerated: libcrypto, sendmmsg",
  gso: `accelerated, with UDP_SEGMENT`,
};
/** In C's sendmmsg. */
const goals: Readonly<Record<"flatOut" | "paced", Readonly<Record<Way, number>>>> = {
  flatOut: { portable: 2.2, sendmmsg: 1.5, gso: 1 },
  paced: { portable: 3.2, sendmmsg: 2, gso: 1.5 },
};

const micro = (value: number) => `${value.toFixed(2)} µs`;
const kilobytes = (value: number) => `${(value / 1_024).toFixed(0)} KB`;

/** The figures as Markdown: medians of the runs, and the least and most in brackets. */
export function mediaReport(figures: MediaFigures, size: MediaBenchSize): string {
  const { limit, flatOut, paced, many, joins, datachannel, firstFrame, firstFrameTcp, janus, others } =
    figures;
  const reference = limit === undefined ? undefined : median(limit.sendmmsg, "cpu");
  const times = (runs: readonly Figures[]) =>
    reference === undefined ? "" : `${(median(runs, "cpu") / reference).toFixed(2)} ×`;
  const row = (title: string, runs: readonly Figures[], more: readonly string[]) =>
    `| ${[title, cell(runs, "cpu", micro), times(runs), ...more].join(" | ")} |`;
  const reached = (kind: "flatOut" | "paced", name: string) =>
    reference === undefined
      ? []
      : ways.map((way) => {
          const ratio = median(figures[kind][way], "cpu") / reference;
          const what = `${name}, ${way}, ≤ ${goals[kind][way].toFixed(1)} × C's sendmmsg: ${ratio.toFixed(2)} ×`;
          return verdict(what, ratio <= goals[kind][way]);
        });
  const [viewers, stall] = [median(many, "viewers"), median(many, "lag")];
  const rate = median(joins.gso, "joins");
  const memory = median(many, "memory");
  const cost = median(joins.gso, "cpu") / median(datachannel, "cpu");
  const [p50, p99] = [median(firstFrame, "p50"), median(firstFrame, "p99")];
  const tcp = median(firstFrameTcp, "p50");
  const beside = median(others.forwarded, "cpu") / median(others.packaged, "cpu");
  const tuned = janus.length === 0 ? undefined : viewers / median(janus, "viewers");
  return [
    `${new Date().toISOString().slice(0, 10)}, ${machine()}. Medians of ${size.runs} runs in turns (least–most).`,
    "",
    "### CPU of a forwarded packet",
    "",
    `Flat out: 1,200 bytes to 200 addresses, ${burst} packets of a frame at once, by the parts of a worker between an opened packet and the kernel. Paced: a worker with ${count(size.viewers)} viewers at LiveKit's shape (187 packets/s, 1.4 Mbit/s), two layers, each viewer with a report, REMB and a NACK a second.`,
    "",
    "| | CPU of a packet | in C's sendmmsg | packets of a message |",
    "|---|---|---|---|",
    ...(limit === undefined
      ? []
      : [
          row("C: sendmmsg", limit.sendmmsg, ["1"]),
          row(`C: sendmmsg with UDP_SEGMENT`, limit.gso, [`${burst}`]),
        ]),
    ...ways.map((way) =>
      row(`flat out, ${titles[way]}`, flatOut[way], [median(flatOut[way], "perMessage").toFixed(1)]),
    ),
    ...ways.map((way) =>
      row(`paced, ${titles[way]}`, paced[way], [median(paced[way], "perMessage").toFixed(1)]),
    ),
    "",
    "### Viewers of one core",
    "",
    "| | CPU | a viewer's packets/s | viewers at 75 % of a core (calculated) | memory of a viewer | timers late, p99 | of the worst half second |",
    "|---|---|---|---|---|---|---|",
    ...ways.map((way) => viewerRow(`${count(size.viewers)}, ${titles[way]}`, paced[way])),
    viewerRow(`${count(size.many)}, ${titles.gso}`, many),
    viewerRow(`${count(size.viewers)}, beside 5 other streams`, others.forwarded),
    viewerRow(`${count(size.viewers)}, beside 5 that are packaged and recorded`, others.packaged),
    ...(tuned === undefined
      ? []
      : [
          viewerRow(`${count(size.janus)}, Janus ${janusVersion()}, \`event_loops=2\`, \`threads=1\``, janus),
        ]),
    "",
    "### Joining",
    "",
    "ICE, DTLS and keys of one viewer at the worker, eight at a time; HTTP and SDP are the server's.",
    "",
    "| | joins/s | CPU of a join | memory of a viewer |",
    "|---|---|---|---|",
    joinRow(titles.portable, joins.portable),
    joinRow(titles.gso, joins.gso),
    joinRow("node-datachannel on Node, with SDP", datachannel),
    "",
    `First packet of a picture after a viewer's first step: p50 ${cell(firstFrame, "p50", ms)}, p99 ${cell(firstFrame, "p99", ms)}; by ICE-TCP p50 ${cell(firstFrameTcp, "p50", ms)}.`,
    "",
    "### Goals",
    "",
    ...reached("flatOut", "flat out"),
    ...reached("paced", "paced"),
    verdict(
      `viewers of one core at 75 % ≥ 1,000: ${count(viewers)}, by a run with ${count(size.many)}`,
      viewers >= 1_000,
    ),
    ...(tuned === undefined
      ? []
      : [verdict(`viewers of one core ≥ 3 × tuned Janus: ${tuned.toFixed(1)} ×`, tuned >= 3)]),
    verdict(`stall p99 < 20 ms with ${count(size.many)} viewers: ${ms(stall)}`, stall < 20),
    verdict(
      `forwarding beside 5 streams that are packaged and recorded : beside 5 that are not ≥ 0.95: ${beside.toFixed(2)}`,
      beside >= 0.95,
    ),
    verdict(`CPU of a join ≤ 0.6 × node-datachannel: ${cost.toFixed(2)} ×`, cost <= 0.6),
    verdict(`joins/s ≥ 800: ${count(rate)}`, rate >= 800),
    verdict(
      `memory of a viewer ≤ 40 KB, with ${count(size.many)} viewers and media: ${kilobytes(memory)}`,
      memory <= 40 * 1_024,
    ),
    verdict(`first frame p50 ≤ 120 ms, p99 ≤ 400 ms: ${ms(p50)}, ${ms(p99)}`, p50 <= 120 && p99 <= 400),
    verdict(`first frame by ICE-TCP p50 ≤ 250 ms: ${ms(tcp)}`, tcp <= 250),
  ].join("\n");
}

function janusVersion(): string {
  const { stdout } = spawnSync("janus", ["--version"], { encoding: "utf8" });
  return /\d+\.\d+\.\d+/.exec(stdout)?.[0] ?? "";
}

function viewerRow(title: string, runs: readonly Figures[]): string {
  const cells = [
    cell(runs, "share", share),
    cell(runs, "packetsPerViewer", count),
    cell(runs, "viewers", count),
    cell(runs, "memory", kilobytes),
    ...(runs.some(({ lag }) => lag !== undefined)
      ? [cell(runs, "lag", ms), cell(runs, "worstLag", ms)]
      : ["", ""]),
  ];
  return `| ${[title, ...cells].join(" | ")} |`;
}

function joinRow(title: string, runs: readonly Figures[]): string {
  const cells = [
    cell(runs, "joins", count),
    cell(runs, "cpu", (value) => `${count(value)} µs`),
    cell(runs, "memory", kilobytes),
  ];
  return `| ${[title, ...cells].join(" | ")} |`;
}
