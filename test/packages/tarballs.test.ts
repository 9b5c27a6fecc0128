import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { chromiumPath } from "../browser/support/browser.ts";
import { installPeers } from "../support/peers.ts";
import { run } from "../support/run.ts";
import { findRuntime } from "../support/runtimes.ts";
import { someOf } from "../support/seed.ts";
import { pack, projectWith, root, type Tarballs } from "./support/packages.ts";
import { clientTypes, program, serverTypes } from "./support/programs.ts";
import { runWithVite } from "./support/vite.ts";

const node = Bun.which("node") ?? "node";
let peers = "";
let tarballs: Tarballs;
/** An empty project that installed both. */
let project = "";
beforeAll(() => {
  peers = installPeers();
  tarballs = pack();
  project = projectWith(tarballs.client, tarballs.server, `@types/node@${peerVersion("@types/node")}`);
}, 300_000);
afterAll(() => {
  rmSync(project, { recursive: true, force: true });
  rmSync(tarballs.folder, { recursive: true, force: true });
}, 120_000);

describe.each(["client", "server"] as const)("the tarball of the %s", (name) => {
  test("is what publint takes for well packed", () => {
    run(node, [`${peers}node_modules/publint/src/cli.js`, tarballs[name], "--strict"], { cwd: peers });
  }, 60_000);

  test("gives types to every way of resolving ES modules", () => {
    const attw = `${peers}node_modules/@arethetypeswrong/cli/dist/index.js`;
    run(node, [attw, tarballs[name], "--profile", "esm-only", "--no-emoji"], { cwd: peers });
  }, 60_000);

  test("holds no tests and nothing that builds", () => {
    const files = run("tar", ["-tzf", tarballs[name]], { cwd: peers }).trim().split("\n");
    const strays = /\.test\.|^package\/(scripts|test|packages|node_modules)\/|build\.mjs|tsconfig/;
    expect(files.filter((path) => strays.test(path))).toEqual([]);
    expect(files).toContain("package/README.md");
    expect(files).toContain("package/LICENSE");
  });
});

test("the client's is small, and its manifest names no dependency", () => {
  expect(statSync(tarballs.client).size).toBeLessThanOrEqual(200_000);
  const manifest = JSON.parse(run("tar", ["-xzOf", tarballs.client, "package/package.json"], { cwd: peers }));
  expect(Object.keys(manifest).filter((key) => /dependencies/i.test(key))).toEqual([]);
  expect(manifest.version).toBe(JSON.parse(readFileSync(`${root}package.json`, "utf8")).version);
});

for (const runtime of ["bun", "node"] as const) {
  const path = findRuntime(runtime);
  test.skipIf(path === undefined)(
    `server and client work on ${runtime}`,
    () => {
      writeFileSync(join(project, "app.mjs"), program);
      expect(run(path as string, ["app.mjs"], { cwd: project })).toContain("page 200, delivered 1");
    },
    60_000,
  );
}

test.skipIf(chromiumPath === null)(
  "a page that Vite builds works in Chromium",
  async () => {
    expect(await runWithVite(project, "build")).toBe("delivered 1, audio,video");
  },
  120_000,
);

test("the command runs", () => {
  expect(run("npx", ["--no-install", "switchboard", "--version"], { cwd: project })).toMatch(/^\d+\.\d+/);
}, 60_000);

test("the command runs on Node where no install script ran, and Bun's text stands in its place", () => {
  const bun = join(project, "node_modules/bun/bin/bun.exe");
  const saved = `${bun}.saved`;
  renameSync(bun, saved);
  try {
    writeFileSync(bun, "exit 1\n", { mode: 0o755 });
    const command = join(project, "node_modules/switchboard/bin/switchboard.mjs");
    expect(run(node, [command, "--version"], { cwd: project })).toMatch(/^\d+\.\d+/);
  } finally {
    renameSync(saved, bun);
  }
}, 60_000);

describe("types, without skipLibCheck", () => {
  const compilers: Readonly<Record<string, () => string>> = {
    "TypeScript 5.4": () => `${peers}node_modules/typescript-5.4/bin/tsc`,
    "the current TypeScript": () => `${root}node_modules/typescript/bin/tsc`,
  };
  const nodenext = { module: "nodenext" };
  const bundler = { module: "esnext", moduleResolution: "bundler" };
  // The templates of Vite have nothing that came after ES2022.
  const page = { lib: ["es2022", "dom", "dom.iterable"], types: [] };
  const program = { lib: ["es2022"], types: ["node"] };

  // The server's declarations take long, for they are checked with those of its dependencies.
  const ofClient = Object.keys(compilers).flatMap((name) => [
    ["resolved as by Node", name, nodenext] as const,
    ["resolved as by bundlers", name, bundler] as const,
  ]);
  test.each(someOf(ofClient, 2))(
    "of the client, %s, for %s",
    (_, name, resolution) => compile(name, "client", clientTypes, { ...page, ...resolution }),
    60_000,
  );
  test.each(someOf(Object.keys(compilers), 1))(
    "of the server, for %s",
    (name) => compile(name, "server", serverTypes, { ...program, ...nodenext }),
    240_000,
  );

  function compile(name: string, file: string, text: string, options: object): void {
    const compilerOptions = {
      // TypeScript's own are none of ours.
      skipDefaultLibCheck: true,
      target: "es2022",
      strict: true,
      exactOptionalPropertyTypes: true,
      noEmit: true,
    };
    const config = { compilerOptions: { ...compilerOptions, ...options }, files: [`${file}.ts`] };
    writeFileSync(join(project, `${file}.ts`), text);
    writeFileSync(join(project, "tsconfig.json"), JSON.stringify(config));
    run(node, [compilers[name]?.() ?? "", "-p", "."], { cwd: project });
  }
});

function peerVersion(name: string): string {
  return JSON.parse(readFileSync(`${root}test/peers/package.json`, "utf8")).dependencies[name];
}
