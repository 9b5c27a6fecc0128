// What the routing costs at sizes that no test can run: `npm run sim`, and with `-- --record` into docs/scaling.md.
import { bun, ensureModules, run } from "./modules.mjs";

ensureModules();
run(bun, ["test/sim/run.ts", ...process.argv.slice(2)]);
