import { copyFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
// @ts-expect-error: a script without types
import { alone } from "../../scripts/modules.mjs";
import { run } from "./run.ts";

const wanted = fileURLToPath(new URL("../peers/", import.meta.url));
const folder = fileURLToPath(new URL("../../.cache/peers/", import.meta.url));

/**
 * Installs what test/peers/package.json names, where it is not there yet, and answers the folder that holds its `node_modules`.
 * No script of these packages runs. Throws where the registry can't be reached.
 */
export function installPeers(): string {
  return alone(install);
}

function install(): string {
  const [lock, installed] = [`${wanted}package-lock.json`, `${folder}package-lock.json`];
  const done = `${folder}node_modules/.package-lock.json`;
  if (existsSync(done) && readFileSync(lock, "utf8") === readFileSync(installed, "utf8")) return folder;
  mkdirSync(folder, { recursive: true });
  for (const name of ["package.json", "package-lock.json", ".npmrc"])
    copyFileSync(wanted + name, folder + name);
  run("npm", ["ci", "--ignore-scripts", "--prefer-offline", "--loglevel=error"], { cwd: folder });
  return folder;
}
