import { expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
// @ts-expect-error: a script, of which no types are kept.
import { failuresByFile } from "../../scripts/failed-files.mjs";

const passing = `import { test } from "bun:test";
test("a > b, </testcase>", () => {});
test("c", () => {});
`;
const failing = `import { test } from "bun:test";
test("fails", () => { throw new Error("<failure> in words"); });
test("passes", () => {});
test("fails too", async () => { await Promise.reject(new Error("late")); });
`;

test("what failed in Bun's report is counted by its file", () => {
  const folder = mkdtempSync(join(tmpdir(), "failed-files-"));
  try {
    writeFileSync(join(folder, "good.test.ts"), passing);
    writeFileSync(join(folder, "bad.test.ts"), failing);
    const report = join(folder, "report.xml");
    spawnSync(process.execPath, ["test", "--reporter=junit", `--reporter-outfile=${report}`], {
      cwd: folder,
    });
    expect([...failuresByFile(readFileSync(report, "utf8"), `${folder}/`)]).toEqual([["bad.test.ts", 2]]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("what failed in Node's report is counted by its file, and what failed outside of a test is in none", () => {
  const report = `<testsuites>
	<testcase name="a > b" time="0.1" classname="test" file="/x/test/a.test.ts" failure="x">
		<failure type="testCodeFailure" message="x">text</failure>
	</testcase>
	<testcase name="b" time="0.1" classname="test" file="/x/test/a.test.ts"/>
	<testcase name="c" time="0.1" classname="test" failure="x"><failure message="x">text</failure></testcase>
</testsuites>`;
  expect([...failuresByFile(report, "/x/")]).toEqual([["test/a.test.ts", 1]]);
});
