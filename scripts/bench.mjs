// Measures the server beside the PeerJS server: `npm run bench -- --help`.
import { bun, ensureModules, run } from "./modules.mjs";

ensureModules();
run(bun, ["test/bench/run.ts", ...process.argv.slice(2)]);
