// Every client there is with the media server and with every other client, into the tables of docs/interop.md: `npm run interop`.
// `npm run interop -- calls` or `-- media` is one of the two. Ends with 1 where a cell failed.
import { attempt, bun, ensureModules } from "./modules.mjs";

ensureModules();
const runs = { media: "test/media/interop/run.ts", calls: "test/interop/run.ts" };
const words = process.argv.slice(2);
const wanted = Object.keys(runs).filter((name) => words.includes(name));
const rest = words.filter((word) => !(word in runs));
let status = 0;
for (const name of wanted.length > 0 ? wanted : Object.keys(runs))
  status = Math.max(status, attempt(bun, [runs[name], ...rest]));
process.exit(status);
