import { machine } from "./report.ts";
import { cell, count, median, ms, type Results, share, table, timeRow, verdict } from "./table.ts";

/** What was to be reached across nodes. ms */
const goals = { setupP99: 15, resumeP99: 50, failover: 2_000 };

/** The figures across nodes as Markdown. */
export function clusterReport(results: Results, how: { runs: number; measure: number }): string {
  const lines = [
    `${new Date().toISOString().slice(0, 10)}, ${machine()}. Medians of ${how.runs} interleaved runs of ${how.measure} s each (least–most); failover: 3 kills in each run. The nodes, nats-server and the generator share the machine.`,
    "",
  ];
  const relays = results["relay-nodes"];
  if (relays !== undefined)
    lines.push(
      "### Relay: 200 devices, 4 in flight each",
      "",
      ...table(["both at one node", "at two nodes"], relays, [
        ["relayed/s", "messagesPerSecond", count],
        ["p50", "p50", ms],
        ["p99", "p99", ms],
        ["CPU of the nodes", "serverCpu", share],
        ["generator CPU", "generatorCpu", share],
      ]),
      "",
    );
  const hello = ["helloP50", "helloP99"] as const;
  const rows = [
    timeRow(results, ["setup-nodes", 0], "`call` → `accepted`, 100/s, at one node"),
    timeRow(results, ["setup-nodes", 1], "the same, caller and callee at two nodes"),
    timeRow(results, ["fanout-nodes", 0], "`call` → the last of 8 devices rings, 25/s, at one node"),
    timeRow(results, ["fanout-nodes", 1], "the same, the devices at three nodes"),
    timeRow(results, ["resume-nodes", 0], "hello → `welcome` of a resume, 50/s, same node", hello),
    timeRow(results, ["resume-nodes", 1], "the same, each time another node", hello),
  ].flat();
  const failovers = results.failover?.[0];
  if (failovers !== undefined)
    rows.push(
      `| node killed: the device's next transport is open → its call renegotiates | ${cell(failovers, "p50", ms)} | ${cell(failovers, "p99", ms)} | |`,
      `| kill → the call renegotiates | ${cell(failovers, "killP50", ms)} | ${cell(failovers, "killP99", ms)} | |`,
    );
  if (rows.length > 0)
    lines.push(
      "### Times across nodes",
      "",
      "| | p50 | p99 | CPU of the nodes |",
      "|---|---|---|---|",
      ...rows,
      "",
    );
  lines.push("### Goals across nodes", "", ...verdicts(results));
  return lines.join("\n");
}

/** Whether the goals across nodes were reached. */
function verdicts(results: Results): string[] {
  const lines: string[] = [];
  const judge = (what: string, reached: boolean) => lines.push(verdict(what, reached));
  const setup = results["setup-nodes"]?.[1];
  if (setup !== undefined) {
    const p99 = median(setup, "p99");
    judge(`call set-up across two nodes p99 ≤ ${goals.setupP99} ms: ${ms(p99)}`, p99 <= goals.setupP99);
  }
  for (const [index, where] of ["the same", "another"].entries()) {
    const resume = results["resume-nodes"]?.[index];
    if (resume === undefined) continue;
    const p99 = median(resume, "helloP99");
    judge(`resume at ${where} node p99 ≤ ${goals.resumeP99} ms: ${ms(p99)}`, p99 <= goals.resumeP99);
  }
  const failover = results.failover?.[0];
  if (failover !== undefined) {
    const [p99, lost] = [median(failover, "p99"), median(failover, "lost")];
    judge(
      `failover p99 ≤ ${goals.failover / 1_000} s from the device's reconnect: ${ms(p99)}, ${lost} calls lost`,
      p99 <= goals.failover && lost === 0,
    );
  }
  return lines;
}
