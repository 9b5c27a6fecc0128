// What the other scripts share: where things are, and dependencies that are there before anything runs.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The root of the repository, with a slash at its end. */
export const root = fileURLToPath(new URL("..", import.meta.url));
/** The pinned Bun; the package names its program so on every platform. */
export const bun = `${root}node_modules/bun/bin/bun.exe`;

/** Installs the dependencies where they are not what the lock file says. */
export function ensureModules() {
  if (!isStale()) return;
  console.log("Installing dependencies (npm ci)…");
  run("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"]);
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
  if (!existsSync(installedPath) || !existsSync(bun)) return true;
  const installed = JSON.parse(readFileSync(installedPath, "utf8")).packages;
  const wanted = JSON.parse(readFileSync(`${root}package-lock.json`, "utf8")).packages;
  return Object.entries(wanted).some(
    ([path, { version, optional }]) =>
      path !== "" &&
      (installed[path] === undefined ? optional !== true : installed[path].version !== version),
  );
}
