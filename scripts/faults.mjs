// Clusters of real processes, and what happens to clusters: `npm run faults -- --help`.
import { bun, ensureModules, run } from "./modules.mjs";

ensureModules();
run(bun, ["test/cluster/run.ts", ...process.argv.slice(2)]);
