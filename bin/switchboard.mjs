#!/usr/bin/env node
// Runs the command line on Bun where it is installed beside this package, else on this Node (22 or newer): the sources
// on Bun, what `prepare` made of them on Node, which takes no TypeScript from below node_modules.
import { spawn } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const bun = findBun();
const built = fileURLToPath(new URL("../lib/cli.js", import.meta.url));
const sources = fileURLToPath(new URL("../src/cli.ts", import.meta.url));
const cli = bun === undefined && existsSync(built) ? built : sources;
const runtime = bun ?? process.execPath;
// A group of its own: else the terminal's Ctrl-C would reach it twice, and the second time means "at once".
// The IPC channel closes when this process dies, however it does, and the server ends with it.
const stdio = ["inherit", "inherit", "inherit", "ipc"];
const child = spawn(runtime, [cli, ...process.argv.slice(2)], { stdio, detached: true });
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
child.on("exit", (code, signal) => process.exit(code ?? (signal === null ? 1 : 128)));

function findBun() {
  try {
    const folder = dirname(createRequire(import.meta.url).resolve("bun/package.json"));
    // The package names it so on every platform. Where install scripts may not run, a few lines of text stay in its place.
    const bun = join(folder, "bin", "bun.exe");
    return statSync(bun).size > 1_000_000 ? bun : undefined;
  } catch {
    return undefined;
  }
}
