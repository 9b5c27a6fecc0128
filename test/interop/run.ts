// Every client calls every other, into the tables of docs/interop.md: `npm run interop -- calls`. `--print` prints them only, and
// `--clients JsSIP,stanza` runs some of them, and prints; `--with PeerJS` only pairs
// in which that one is; `--only cells` or `--only scenarios` one of both.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { clients } from "./clients.ts";
import { runMatrix } from "./matrix.ts";
import { startRig } from "./rig.ts";
import { runScenarios } from "./scenarios.ts";
import { scenarioTable, tablesOf } from "./tables.ts";

const docs = fileURLToPath(new URL("../../docs/interop.md", import.meta.url));
const list = (option: string): readonly string[] | undefined => {
  const at = process.argv.indexOf(option);
  return at < 0 ? undefined : process.argv[at + 1]?.split(",");
};
const some = list("--clients");
const one = list("--with");
const has = (names: readonly string[] | undefined, ...of: readonly string[]) =>
  names === undefined || of.some((name) => names.includes(name));

const rig = await startRig();
const wanted = clients().filter(({ name }) => has(some, name));
const only = list("--only")?.[0];
const matrix = await runMatrix(rig, wanted, {
  wanted: (caller, callee) => only !== "scenarios" && has(one, caller.name, callee.name),
});
const scenarios = only === "cells" ? [] : await runScenarios(rig, wanted);
const text = [tablesOf(matrix), scenarioTable(scenarios)].join("\n\n");
if (some || one || only || process.argv.includes("--print")) console.log(text);
else {
  const marks = /(<!-- interop-calls -->\n)[\s\S]*?(\n<!-- \/interop-calls -->)/;
  const page = readFileSync(docs, "utf8");
  writeFileSync(
    docs,
    page.replace(marks, (_, begin, end) => `${begin}\n${text}\n${end}`),
  );
}
await rig.stop();
const failed =
  scenarios.some(({ result }) => result === "failed") ||
  [...matrix.outcomes.values()].some((row) => [...row.values()].some(({ result }) => result === "failed"));
process.exit(failed ? 1 : 0);
