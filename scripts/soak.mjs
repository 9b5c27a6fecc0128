// Long runs: `npm run soak` under a steady load, `npm run soak -- media` of the media server, `npm run soak -- half-open` of 10^5 handshakes
// that nobody finishes, `npm run soak -- recordings` of recordings whose writer is killed. `--help` says more.
import { bun, ensureModules, run } from "./modules.mjs";

ensureModules();
const [first, ...rest] = process.argv.slice(2);
const files = {
  media: "test/soak/media.ts",
  "half-open": "test/soak/half-open.ts",
  recordings: "test/soak/recordings.ts",
};
const file = files[first];
run(bun, file === undefined ? ["test/soak/run.ts", ...process.argv.slice(2)] : [file, ...rest]);
