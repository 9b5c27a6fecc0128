import { copyFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
// @ts-expect-error: a script without types
import { alone } from "../../scripts/modules.mjs";
import { run } from "./run.ts";

/**
 * Installs what test/peers/package.json names, or that of a folder in it, where it is not there yet, and answers the folder that holds its
 * `node_modules`. No script of these packages runs. Throws where the registry can't be reached.
 */
export function installPeers(name = ""): string {
  const suffix = name === "" ? "" : `-${name}`;
  const from = name === "" ? "" : `${name}/`;
  const at = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));
  return alone(() => install(at(`test/peers/${from}`), at(`.cache/peers${suffix}/`)));
}

function install(wanted: string, folder: string): string {
  const [lock, installed] = [`${wanted}package-lock.json`, `${folder}package-lock.json`];
  const done = `${folder}node_modules/.package-lock.json`;
  if (existsSync(done) && readFileSync(lock, "utf8") === readFileSync(installed, "utf8")) return folder;
  mkdirSync(folder, { recursive: true });
  for (const name of ["package.json", "package-lock.json", ".npmrc"])
    copyFileSync(wanted + name, folder + name);
  const flags = ["--ignore-scripts", "--prefer-offline", "--loglevel=error"];
  run("npm", ["ci", ...flags], { cwd: folder });
  return folder;
}
