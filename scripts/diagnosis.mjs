// Faults made for real, and whether the console names their causes: `npm run diagnosis`. Options: --calls N, --seed N, --only CODE,…, --drawn, --together N.
import { bun, ensureModules, run } from "./modules.mjs";

ensureModules();
run(bun, ["test/diagnosis/run.ts", ...process.argv.slice(2)]);
