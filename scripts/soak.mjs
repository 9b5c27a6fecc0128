// Long runs: `npm run soak` under a steady load, `npm run soak -- media` of the media server. `--help` says more.
import { bun, ensureModules, run } from "./modules.mjs";

ensureModules();
const [first, ...rest] = process.argv.slice(2);
run(
  bun,
  first === "media" ? ["test/soak/media.ts", ...rest] : ["test/soak/run.ts", ...process.argv.slice(2)],
);
