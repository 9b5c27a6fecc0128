// A long run under a steady load: `npm run soak -- --help`.
import { bun, ensureModules, run } from "./modules.mjs";

ensureModules();
run(bun, ["test/soak/run.ts", ...process.argv.slice(2)]);
