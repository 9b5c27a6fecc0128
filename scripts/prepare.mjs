// What npm runs as `prepare`: after an install in a working copy, before a pack, and when somebody installs the folder.
// Builds the page, and the server for Node. The tarball does not hold this file: who installs that builds nothing.
import { execFileSync } from "node:child_process";
import { build, isStale } from "./build.mjs";
import { buildLibrary } from "./library.mjs";
import { bun, ensureTools, root } from "./modules.mjs";

if (ensureTools()) {
  if (isStale() && build() !== 0) throw new Error("the page does not build");
  buildLibrary({
    project: "tsconfig.build.json",
    target: "lib",
    code: ["main", "application/index", "peerjs", "cli", "turn/shell/worker", "records/store/worker"],
    types: ["main", "application/index", "peerjs"],
    instead: {
      "config/schema.d.ts": execFileSync(bun, [`${root}scripts/settings-types.mjs`], { encoding: "utf8" }),
    },
  });
}
