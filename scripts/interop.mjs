// Every client there is with the media server, into the table of docs/interop.md: `npm run interop`.
import { bun, ensureModules, run } from "./modules.mjs";

ensureModules();
run(bun, ["test/media/interop/run.ts", ...process.argv.slice(2)]);
