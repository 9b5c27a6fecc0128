import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { type RunningServer, startServer } from "../../support/server.ts";

const build = fileURLToPath(new URL("../../../scripts/build.mjs", import.meta.url));

/** The real server with the page as it is now. */
export function startBuiltServer(config: object = {}): Promise<RunningServer> {
  buildPage();
  return startServer({ config });
}

let built = false;

/** Builds the page into dist/page, unless it stands there as its sources are now; looked at once in a process. */
export function buildPage(): void {
  if (built) return;
  const { status, stderr } = spawnSync(process.execPath, [build, "--if-stale"], { encoding: "utf8" });
  if (status !== 0) throw new Error(`the page does not build:\n${stderr}`);
  built = true;
}

/** The address that a person would type: cameras need https or localhost. */
export function pageUrl(server: RunningServer): string {
  return `http://localhost:${server.port}`;
}
