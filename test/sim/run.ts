// Prints what the routing costs at sizes that no test can run; with --record into docs/scaling.md.
import { readFileSync, writeFileSync } from "node:fs";
import { report } from "./report.ts";

const text = report();
console.log(text);
if (process.argv.includes("--record")) {
  const path = new URL("../../docs/scaling.md", import.meta.url);
  const page = readFileSync(path, "utf8");
  const part = /<!-- computed -->[\s\S]*<!-- end -->/;
  writeFileSync(
    path,
    page.replace(part, () => `<!-- computed -->\n${text}\n<!-- end -->`),
  );
}
