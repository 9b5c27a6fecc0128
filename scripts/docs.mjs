// Writes the generated parts of the documents: `npm run docs`. A test fails while they are out of date.
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

if (process.versions.bun === undefined) {
  const bun = fileURLToPath(new URL("../node_modules/.bin/bun", import.meta.url));
  process.exit(spawnSync(bun, [fileURLToPath(import.meta.url)], { stdio: "inherit" }).status ?? 1);
}

const { fillMarkers, referenceTables } = await import("../src/protocol/reference-tables.ts");
const { schemaDocument } = await import("../src/protocol/schema-document.ts");
const { exampleFile, limitsTable, settingsTable } = await import("../src/config/reference.ts");
const { apiReference } = await import("../src/api/reference.ts");
const { clientTypes, eventTypes } = await import("../src/api/client-types.ts");
const { allOperations } = await import("../src/api/operations/all.ts");
const at = (path) => new URL(`../${path}`, import.meta.url);

write("docs/protocol.schema.json", `${JSON.stringify(schemaDocument(), null, 2)}\n`);
const tables = referenceTables(readFileSync(at("src/protocol/limits.ts"), "utf8"));
for (const path of ["docs/protocol.md", "docs/errors.md"])
  write(path, fillMarkers(readFileSync(at(path), "utf8"), tables));

const limitsSource = readFileSync(at("src/protocol/limits.ts"), "utf8");
write("switchboard.example.json", exampleFile(limitsSource));
const settings = new Map([
  ["settings", settingsTable()],
  ["limits", limitsTable(limitsSource)],
]);
const { causesTable } = await import("../src/records/diagnosis/reference.ts");
write(
  "docs/diagnosis.md",
  fillMarkers(readFileSync(at("docs/diagnosis.md"), "utf8"), new Map([["causes", causesTable()]])),
);
const { events } = await import("../src/events/catalog.ts");
const { eventsTable } = await import("../src/events/reference.ts");
write(
  "docs/events.md",
  fillMarkers(readFileSync(at("docs/events.md"), "utf8"), new Map([["events", eventsTable()]])),
);
write("docs/config.md", fillMarkers(readFileSync(at("docs/config.md"), "utf8"), settings));

// What operations work on does not show in their reference.
const operations = allOperations({});
const api = apiReference(operations);
write("src/application/operations.ts", formatted(clientTypes(operations)));
write("src/application/events.ts", formatted(eventTypes(events)));
write("docs/api.md", fillMarkers(readFileSync(at("docs/api.md"), "utf8"), api));

/** As the check wants code to be. */
function formatted(code) {
  const biome = fileURLToPath(at("node_modules/.bin/biome"));
  const { status, stdout, stderr } = spawnSync(biome, ["format", "--stdin-file-path=operations.ts"], {
    cwd: fileURLToPath(at(".")),
    input: code,
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(stderr);
  return stdout;
}

function write(path, text) {
  let before = "";
  try {
    before = readFileSync(at(path), "utf8");
  } catch {
    // It is written for the first time.
  }
  if (before === text) return;
  writeFileSync(at(path), text);
  console.log(`wrote ${path}`);
}
