// What goes wrong for real, and whether the console says so: `npm run diagnosis`. First every fault once, then calls with faults drawn by a seed.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Browser, BrowserContext } from "playwright-core";
import { type Camera, launch, still } from "../browser/support/browser.ts";
import { buildPage } from "../browser/support/built-server.ts";
import { provokedSettings, Stage } from "../records/support/provocations.ts";
import { newestOf } from "../records/support/records.ts";
import { freePort } from "../support/free-port.ts";
import { type RunningServer, startServer } from "../support/server.ts";
import { closeAll } from "../webrtc/support/parties.ts";
import { applications, type DeviceFault, deviceFaults } from "./device-faults.ts";
import { isInside, runInside } from "./network.ts";
import {
  browsersBehindNats,
  networkFaults,
  type OpenServer,
  openServer,
  provoke,
  startStun,
} from "./network-faults.ts";

const { values } = parseArgs({
  options: {
    calls: { type: "string", default: "200" },
    seed: { type: "string", default: "1" },
    only: { type: "string" },
    // No fault but those that are drawn.
    drawn: { type: "boolean", default: false },
    together: { type: "string", default: "4" },
  },
});
const [calls, seed, together] = [Number(values.calls), Number(values.seed), Number(values.together)];
const only = values.only?.split(",");
const wanted = ({ code }: { readonly code: string }): boolean => only === undefined || only.includes(code);

if (!isInside) {
  buildPage();
  const code = await runInside();
  if (code === undefined) console.error("Only faults that need no network of their own are made.");
  else process.exit(code);
}

/** A finding that the console shows of a session. */
interface Shown {
  readonly code: string;
  readonly certainty: string;
  readonly text: string;
}

const folder = mkdtempSync(join(tmpdir(), "switchboard-diagnosis-"));
const browsers = new Map<string, Browser>();
const browser = async (camera: Camera): Promise<Browser> => {
  const known = browsers.get(camera) ?? (await launch(camera));
  browsers.set(camera, known);
  return known;
};
const reader: BrowserContext = await (await browser("none")).newContext(still);

/** All that the console shows of a session, the cause first. */
async function inConsole(url: string, session: string, key?: string): Promise<readonly Shown[]> {
  const page = await reader.newPage();
  try {
    if (key !== undefined)
      await page.addInitScript((kept) => sessionStorage.setItem("switchboard.console.key", kept), key);
    await page.goto(`${url}/console#/sessions/${session}`);
    const findings = page.locator(".findings .finding");
    await findings.first().waitFor({ timeout: 60_000 });
    return await findings.evaluateAll((all) =>
      all.map((one) => {
        const textOf = (what: string) => one.querySelector(what)?.textContent ?? "";
        const [certainty = ""] = textOf(".small").split(" ");
        return { code: textOf("code"), text: textOf(".finding-text"), certainty };
      }),
    );
  } finally {
    await page.close();
  }
}

/** What has to be seen: the finding that stands beside the cause, where the fault is of that kind, else the cause. */
function looked({ code, beside }: Looked, shown: readonly Shown[]): Shown {
  const found = beside === true ? shown.find((one) => one.code === code) : undefined;
  return found ?? shown[0] ?? { code: "", certainty: "", text: "" };
}
type Looked = Pick<DeviceFault, "code" | "beside">;

let failures = 0;
const causes = new Set<string>();
function judge(fault: Looked, by: string, shown: readonly Shown[], words: RegExp, sure?: string): void {
  const { code, certainty, text } = looked(fault, shown);
  const right = code === fault.code && words.test(text) && (sure === undefined || sure === certainty);
  if (right) causes.add(code);
  else failures += 1;
  console.log(`${right ? "ok   " : "WRONG"} ${fault.code.padEnd(22)} ${by.padEnd(9)} ${certainty}: ${text}`);
}
function broken(code: string, error: unknown): void {
  failures += 1;
  console.log(
    `WRONG ${code.padEnd(22)} could not be made: ${error instanceof Error ? error.message : error}`,
  );
}

/** Runs the tasks, so many at a time. */
async function inTurn(tasks: readonly (() => Promise<void>)[], atATime: number): Promise<void> {
  const waiting = [...tasks];
  await Promise.all(
    Array.from({ length: atATime }, async () => {
      for (let task = waiting.shift(); task !== undefined; task = waiting.shift()) await task();
    }),
  );
}

const server: RunningServer = await startServer({ config: provokedSettings });
const apps = await applications();
const props = { ...apps, browser };
const faults: readonly DeviceFault[] = deviceFaults(props, folder);
let stages = 0;

/** Makes a fault of devices, and tells what the console says of the call. `of`: the names in the words. */
async function make(fault: DeviceFault): Promise<{ shown: readonly Shown[]; words: RegExp }> {
  let at = fault.settings === undefined ? server : await startServer({ config: withLimits(fault.settings) });
  try {
    const stage = new Stage(at, ++stages);
    at = (await fault.provoke(stage, props)) ?? at;
    const { record } = await newestOf(at.url, stage.alice);
    const words = fault.words
      .replaceAll(/\bA\b(?! limit| push| server)/g, stage.alice)
      .replaceAll(/\bB\b/g, stage.bob);
    return { shown: await inConsole(at.url, record.session), words: new RegExp(words) };
  } finally {
    if (at !== server) await at.stop();
  }
}

function withLimits(settings: object): object {
  return { limits: provokedSettings.limits, ...settings };
}

if (!values.drawn) console.log("Each fault once, and what the console says first:\n");
await inTurn(
  (values.drawn ? [] : faults.filter(wanted)).map((fault) => async () => {
    try {
      const { shown, words } = await make(fault);
      judge(fault, "devices", shown, words, fault.certainty);
    } catch (error) {
      broken(fault.code, error);
    }
  }),
  together,
);

if (isInside && !values.drawn) {
  const stunPort = await freePort();
  const stun = await startStun(stunPort);
  const behind = browsersBehindNats(folder);
  // One after the other: they change the network.
  for (const fault of networkFaults.filter(wanted)) {
    let at: OpenServer | undefined;
    try {
      at = await openServer({ port: stunPort }, fault.settings);
      const { caller } = await provoke(fault, at, behind, ++stages);
      const { record } = await newestOf(at.url, caller, at.key);
      const before = failures;
      judge(fault, "network", await inConsole(at.url, record.session, at.key), fault.words);
      if (failures > before) console.log(JSON.stringify(record.legs));
    } catch (error) {
      broken(fault.code, error);
    } finally {
      await at?.stop();
    }
  }
  await Promise.all([behind.close(), stun.stop()]);
}
if (!values.drawn)
  console.log(`\n${causes.size} causes were made and found in the console, ${failures} were not.`);

if (calls > 0) {
  const drawn = faults.filter((fault) => fault.repeatable && wanted(fault));
  const counts = { right: 0, wrongCertain: 0, wrongLikely: 0, unknown: 0, notMade: 0 };
  const random = generator(seed);
  const tasks = Array.from({ length: calls }, () => {
    const fault = drawn[Math.floor(random() * drawn.length)] as DeviceFault;
    return async (): Promise<void> => {
      try {
        const shown = looked(fault, (await make(fault)).shown);
        if (shown.code === fault.code) counts.right += 1;
        else if (shown.code === "unknown") counts.unknown += 1;
        else if (shown.certainty === "certain") counts.wrongCertain += 1;
        else counts.wrongLikely += 1;
        if (shown.code !== fault.code)
          console.log(
            `      ${fault.code}: the console says ${shown.code}, ${shown.certainty}: ${shown.text}`,
          );
      } catch (error) {
        counts.notMade += 1;
        broken(fault.code, error);
      }
    };
  });
  console.log(`\n${calls} calls with faults of ${drawn.length} kinds, drawn by the seed ${seed}:\n`);
  await inTurn(tasks, together);
  const { right, wrongCertain, wrongLikely, unknown, notMade } = counts;
  const share = (100 * right) / (calls - notMade);
  console.log(
    `${right} right (${share.toFixed(1)} %), ${wrongCertain} wrong and certain, ${wrongLikely} wrong and likely, ${unknown} unknown, ${notMade} not made`,
  );
  if (share < 95 || wrongCertain > 0) failures += 1;
}

await closeAll();
apps.stop();
await Promise.all([...browsers.values()].map((one) => one.close()));
await server.stop();
rmSync(folder, { recursive: true, force: true });
process.exit(failures === 0 ? 0 : 1);

/** Mulberry32: the same numbers for the same seed. */
function generator(from: number): () => number {
  let state = from | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
