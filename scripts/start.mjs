// `npm start`: a development server on this machine, from nothing. Arguments go to `switchboard serve`.
// With --watch (`npm run dev`) a change of a source builds and starts it again.
import { spawn } from "node:child_process";
import { watch } from "node:fs";
import { build, isStale } from "./build.mjs";
import { bun, ensureModules, root } from "./modules.mjs";

const watching = process.argv.includes("--watch");
const given = process.argv.slice(2).filter((arg) => arg !== "--watch");
const has = (flag) => given.some((arg) => arg === flag || arg.startsWith(`${flag}=`));

ensureModules();
buildIfStale();
let server = start();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => end(signal));
endWithParent();
if (watching) restartOnChange();

function buildIfStale() {
  if (!isStale()) return;
  console.log("Building the page…");
  if (build() !== 0) console.error("The page could not be built; the server starts without it.");
}

function start() {
  const args = ["src/cli.ts", "serve", "--dev", ...given];
  if (!has("--log.format")) args.push("--log.format", "pretty");
  // Whoever edits does not want to wait for a drain.
  if (watching && !has("--drain")) args.push("--drain", "0");
  // A group of its own: else the terminal's Ctrl-C would reach it twice, and the second time means "at once".
  // The IPC channel closes when this process dies, however it does, and the server ends with it.
  const stdio = ["inherit", "inherit", "inherit", "ipc"];
  const child = spawn(bun, args, { cwd: root, stdio, detached: true });
  child.on("exit", (code, signal) => {
    if (child === server) process.exit(code ?? (signal === null ? 1 : 0));
  });
  return child;
}

function end(signal) {
  if (server === undefined) process.exit(0);
  server.kill(signal);
}

/** npm's shell dies of a signal without passing it on. */
function endWithParent() {
  const parent = process.ppid;
  setInterval(() => {
    if (process.ppid !== parent) end("SIGTERM");
  }, 500).unref();
}

function restartOnChange() {
  let timer;
  watch(`${root}src`, { recursive: true }, (_event, name) => {
    if (name === null || name.endsWith(".test.ts")) return;
    clearTimeout(timer);
    timer = setTimeout(restart, 200);
  });
}

function restart() {
  buildIfStale();
  const before = server;
  // One that is about to start takes the newest sources anyway.
  if (before === undefined) return;
  server = undefined;
  before.once("exit", () => {
    server = start();
  });
  before.kill("SIGTERM");
}
