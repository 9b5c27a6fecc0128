// Every client calls every other, into the tables of docs/interop.md: `npm run interop -- calls`. `--print` prints them only, and
// `--only JsSIP,stanza` runs some of the clients, and prints.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { clients } from "./clients.ts";
import { runMatrix } from "./matrix.ts";
import { startRig } from "./rig.ts";
import { runScenarios } from "./scenarios.ts";
import { scenarioTable, tablesOf } from "./tables.ts";

const docs = fileURLToPath(new URL("../../docs/interop.md", import.meta.url));
const only = process.argv[process.argv.indexOf("--only") + 1]?.split(",");
const some = process.argv.includes("--only");

const rig = await startRig();
const wanted = clients().filter(({ name }) => !some || only?.includes(name));
const matrix = await runMatrix(rig, wanted);
const scenarios = await runScenarios(rig, wanted);
const text = [tablesOf(matrix), scenarioTable(scenarios)].join("\n\n");
if (some || process.argv.includes("--print")) console.log(text);
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
