import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { endWithUs } from "../support/end-with-us.ts";
import type { FaultRow } from "./fault-run.ts";
import type { paces } from "./scenarios.ts";

/** Scenarios that mostly wait run side by side; those of one lane one after the other. */
const lanes: Readonly<Record<keyof typeof paces, readonly (readonly string[])[]>> = {
  full: [
    ["nats-long"],
    ["kill"],
    ["freeze", "kill-both"],
    ["partition", "nats-short"],
    ["clocks", "rolling"],
  ],
  short: [
    ["nats-long", "clocks"],
    ["partition", "kill-both"],
    ["nats-short", "freeze"],
    ["kill", "rolling"],
  ],
};

/** Begins all the scenarios that are wanted; each has a process of its own. In the order of the lanes. */
export function runLanes(
  wanted: readonly string[],
  seed: number,
  pace: keyof typeof paces,
): Map<string, Promise<FaultRow>> {
  const rows = new Map<string, Promise<FaultRow>>();
  for (const lane of lanes[pace]) {
    let before: Promise<unknown> = Promise.resolve();
    for (const name of lane) {
      if (!wanted.includes(name)) continue;
      const row = before.then(() => inChild(name, seed, pace));
      // Who waits for it hears what went wrong.
      row.catch(() => {});
      before = row.catch(() => {});
      rows.set(name, row);
    }
  }
  return rows;
}

function inChild(name: string, seed: number, pace: string): Promise<FaultRow> {
  const program = fileURLToPath(new URL("run.ts", import.meta.url));
  const child = spawn(process.execPath, [program, "--one", name, "--seed", String(seed), "--pace", pace], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  endWithUs(child);
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
