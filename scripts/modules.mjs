// What the other scripts share: where things are, and dependencies that are there before anything runs.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, realpathSync, rmSync, statSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The root of the repository, with a slash at its end. */
export const root = fileURLToPath(new URL("..", import.meta.url));
/** The pinned Bun; the package names its program so on every platform. */
export const bun = `${root}node_modules/bun/bin/bun.exe`;

/** Installs the dependencies where they are not what the lock file says. */
export function ensureModules() {
  if (isStale()) alone(() => isStale() && install());
}

/**
 * The same for a `prepare` script: any dependencies will do that have the compiler. Answers false where npm itself, at work
 * in this very folder, was told to leave it out: nothing is to be built then.
 */
export function ensureTools() {
  const { npm_command: command, npm_config_local_prefix: where } = process.env;
  const here = where !== undefined && `${realpathSync(where)}/` === root;
  return alone(() => {
    if (existsSync(`${root}node_modules/typescript/bin/tsc`)) return true;
    if (here && (command === "ci" || command === "install")) return false;
    install();
    return true;
  });
}

/** Without the scripts of packages, and so without our own `prepare`: only Bun's has to run. */
function install() {
  console.log("Installing dependencies (npm ci)…");
  // Whoever runs us by `npm install -g` or `--omit=dev` means another folder.
  const env = { npm_config_global: "false", npm_config_location: "project", npm_config_prefix: undefined };
  const flags = ["--include=dev", "--include=optional", "--no-audit", "--no-fund", "--loglevel=error"];
  run("npm", ["ci", "--ignore-scripts", ...flags], env);
  run("npm", ["rebuild", "bun", "--loglevel=error"], env);
}

/** Two of us must not install at once, as when npm runs the `prepare` of two folders. Waits for the other one. */
export function alone(act) {
  const lock = `${root}.cache/installing`;
  mkdirSync(`${root}.cache`, { recursive: true });
  while (!taken()) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
  try {
    return act();
  } finally {
    rmSync(lock, { force: true });
  }

  function taken() {
    try {
      writeFileSync(lock, String(process.pid), { flag: "wx" });
      return true;
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
    }
    if (!isAlive(lock)) rmSync(lock, { force: true });
    return false;
  }
}

/** Whether the process still runs whose id is in the file. */
function isAlive(lock) {
  try {
    const id = Number(readFileSync(lock, "utf8"));
    // Not written yet.
    if (id === 0) return true;
    process.kill(id, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}

/** Runs a program to its end, in the root, with our input and output. Ends this process when it fails. */
export function run(program, args, env = {}) {
  const status = attempt(program, args, env);
  if (status !== 0) process.exit(status);
}

/** The same, but answers the exit code. */
export function attempt(program, args, env = {}) {
  const options = { cwd: root, stdio: "inherit", env: { ...process.env, ...env }, shell: false };
  const { status, error } = spawnSync(program, args, options);
  if (error !== undefined) console.error(`${program} can't be run: ${error.message}`);
  return status ?? 1;
}

function isStale() {
  const installedPath = `${root}node_modules/.package-lock.json`;
  if (!existsSync(installedPath) || !bunIsThere()) return true;
  const installed = JSON.parse(readFileSync(installedPath, "utf8")).packages;
  const wanted = JSON.parse(readFileSync(`${root}package-lock.json`, "utf8")).packages;
  return Object.entries(wanted).some(
    ([path, { version, optional }]) =>
      path !== "" &&
      (installed[path] === undefined ? optional !== true : installed[path].version !== version),
  );
}

/** Until Bun's own script has run, a few lines of text stand in its place. */
function bunIsThere() {
  return (statSync(bun, { throwIfNoEntry: false })?.size ?? 0) > 1_000_000;
}
