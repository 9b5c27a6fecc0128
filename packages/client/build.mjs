// Compiles the SDK from ../../src/client into lib. npm runs it as `prepare`, in a working copy only: it is not packed.
import { buildLibrary } from "../../scripts/library.mjs";
import { ensureTools } from "../../scripts/modules.mjs";

if (ensureTools()) {
  const imported = buildLibrary({
    project: "packages/client/tsconfig.json",
    target: "packages/client/lib",
    code: ["client/index", "client/mqtt", "client/push"],
    types: ["client/index", "client/mqtt", "client/push"],
  });
  if (imported.length > 0)
    throw new Error(`the SDK is to need no package, but imports ${imported.join(", ")}`);
}
