import { afterAll, beforeAll, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { findRuntime } from "../support/runtimes.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
let home = "";

/** The package as its users get it: packed, unpacked below node_modules, its dependencies beside it. */
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), "switchboard-package-"));
  run("npm", ["pack", "--silent", "--pack-destination", home], root);
  const modules = join(home, "node_modules");
  mkdirSync(modules);
  for (const name of readdirSync(join(root, "node_modules")))
    if (!name.startsWith(".")) symlinkSync(join(root, "node_modules", name), join(modules, name));
  mkdirSync(join(modules, "switchboard"));
  const [archive = ""] = readdirSync(home).filter((name) => name.endsWith(".tgz"));
  run("tar", ["-xzf", join(home, archive), "--strip-components=1", "-C", join(modules, "switchboard")], home);
}, 120_000);

afterAll(() => {
  rmSync(home, { recursive: true, force: true });
  rmSync(join(root, "lib"), { recursive: true, force: true });
});

const program = `
import { createSwitchboard } from "switchboard";
import { connect } from "switchboard/client";
const server = await createSwitchboard({ port: 0, dev: true, page: false, log: { level: "silent", format: "json" } });
const [alice, bob] = ["alice", "bob"].map((user) => connect({ url: server.url, token: "dev:" + user }));
await bob.ready;
const { delivered } = await alice.send("bob", "hello");
console.log("delivered", delivered);
await Promise.all([alice.close(), bob.close()]);
await server.stop();
process.exit();
`;

for (const runtime of ["bun", "node"] as const) {
  const path = findRuntime(runtime);
  test.skipIf(path === undefined)(
    `server and client of the installed package on ${runtime}`,
    () => {
      writeFileSync(join(home, "app.mjs"), program);
      expect(run(path as string, ["app.mjs"], home)).toContain("delivered 1");
    },
    60_000,
  );
}

test("its types serve a TypeScript program without a word of its sources", () => {
  writeFileSync(
    join(home, "app.ts"),
    `import { connect, type Call } from "switchboard/client";
     const client = connect({ token: "dev:alice" });
     const call: Call = client.call("bob");
     call.ended.then((end) => { const reason: string = end.reason; return reason; });`,
  );
  const options =
    "--noEmit --strict --module nodenext --target es2023 --lib es2023,esnext.disposable,dom --types";
  run(join(root, "node_modules/.bin/tsc"), [...options.split(" "), "", "app.ts"], home);
}, 60_000);

function run(command: string, args: string[], cwd: string): string {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: "utf8" });
  if (status !== 0) throw new Error(`${command} ${args.join(" ")}: ${stdout}${stderr}`);
  return stdout;
}
