// A recording whose writer is killed, many times: npm run soak -- recordings --help
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { launch } from "../browser/support/browser.ts";
import { killWriter, whatIsLeft } from "../media/support/killed-writer.ts";
import { blankTab, publish } from "../media/support/pages.ts";
import { startServer } from "../support/server.ts";

const { values } = parseArgs({
  options: {
    kills: { type: "string", default: "50" },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  console.log(`A stream of Chromium is recorded, and the process that writes is killed by SIGKILL, at another moment of its second each time. Every
file must play, and lack the last 2 s at most: npm run soak -- recordings [options]

  --kills N   (default 50)`);
  process.exit(0);
}
const folder = mkdtempSync(join(tmpdir(), "switchboard-kills-"));
const media = {
  enabled: true,
  port: 0,
  workers: 1,
  record: ["show"],
  recordings: { folder: join(folder, "kept") },
};
const server = await startServer({ config: { media } });
const browser = await launch("fake", ["--autoplay-policy=no-user-gesture-required"]);
const { page } = await blankTab(browser, server.url);
if ((await publish(page, `${server.url}/whip/show`, { codec: "video/H264" })) !== 201)
  throw new Error("nothing is published");
const lost: number[] = [];
let failed = false;
for (let n = 0; n < Number(values.kills); n++) {
  // Files are written each second: the moment moves through it.
  const kill = await killWriter(server, "show", 2_500 + ((n * 370) % 1_000));
  const left = await whatIsLeft(server, "show", kill, join(folder, "probed"));
  lost.push(left.lost);
  const fine = left.lost <= 2_000 && left.pictures !== 0;
  failed ||= !fine;
  console.log(
    `kill ${n + 1}: ${left.lost} ms lost, ${left.pictures ?? "unknown"} pictures${fine ? "" : "  FAILED"}`,
  );
}
lost.sort((one, other) => one - other);
console.log(
  `${lost.length} kills: median ${lost[Math.floor(lost.length / 2)]} ms lost, ${lost.at(-1)} ms at most`,
);
await browser.close();
await server.stop();
rmSync(folder, { recursive: true, force: true });
process.exit(failed ? 1 : 0);
