import { afterAll, beforeAll, expect, test } from "bun:test";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { chromiumPath } from "../browser/support/browser.ts";
import { run } from "../support/run.ts";
import { findRuntime } from "../support/runtimes.ts";
import { freshCopy, projectWith } from "./support/packages.ts";
import { program } from "./support/programs.ts";
import { runWithVite } from "./support/vite.ts";

let clone = "";
let project = "";
/** npm links the folders of a clone, in which nothing has been installed or built, and runs their `prepare`. */
beforeAll(() => {
  clone = freshCopy();
  project = projectWith(clone, join(clone, "packages/client"));
  writeFileSync(join(project, "app.mjs"), program);
}, 300_000);
afterAll(() => {
  for (const folder of [project, clone]) rmSync(folder, { recursive: true, force: true });
}, 120_000);

for (const runtime of ["bun", "node"] as const) {
  const path = findRuntime(runtime);
  test.skipIf(path === undefined)(
    `server and client work on ${runtime} from the folders of a fresh clone`,
    () => {
      expect(run(path as string, ["app.mjs"], { cwd: project })).toContain("page 200, delivered 1");
    },
    60_000,
  );
}

test.skipIf(chromiumPath === null)(
  "a page that Vite serves in development works in Chromium",
  async () => {
    expect(await runWithVite(project, "dev")).toBe("delivered 1, audio,video");
  },
  120_000,
);

test("their command runs", () => {
  expect(run("npx", ["--no-install", "switchboard", "--version"], { cwd: project })).toMatch(/^\d+\.\d+/);
}, 60_000);
