import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { run } from "../../support/run.ts";

/** The working copy, with a slash at its end. */
export const root: string = fileURLToPath(new URL("../../../", import.meta.url));

/** What no build needs, and what takes longer to unpack than all the rest. */
const onlyForTests = [
  "@biomejs/biome",
  "@roamhq/wrtc",
  "aedes",
  "fast-check",
  "jssip",
  "knip",
  "node-datachannel",
  "peer",
  "playwright-core",
  "sip",
  "sip.js",
];

/** The tarballs of both packages, and the folder that they are in. */
export interface Tarballs {
  readonly folder: string;
  readonly server: string;
  readonly client: string;
}

/** Packs both, by the command that the README names. */
export function pack(): Tarballs {
  const folder = mkdtempSync(join(tmpdir(), "switchboard-tarballs-"));
  const args = ["pack", "--workspaces", "--include-workspace-root", "--silent", "--pack-destination", folder];
  run("npm", args, { cwd: root });
  const named = (pattern: RegExp) =>
    join(folder, readdirSync(folder).find((name) => pattern.test(name)) ?? "");
  return { folder, server: named(/^switchboard-\d/), client: named(/^switchboard-client-\d/) };
}

/** A project with nothing in it but the packages that it installs, each a tarball or a folder. */
export function projectWith(...packages: readonly string[]): string {
  const folder = mkdtempSync(join(tmpdir(), "switchboard-project-"));
  writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true, type: "module" }));
  run("npm", ["install", "--prefer-offline", "--no-audit", "--no-fund", "--loglevel=error", ...packages], {
    cwd: folder,
  });
  return folder;
}

/**
 * A copy of the working copy as a clone would be: no dependencies, nothing built; with what is not committed yet.
 * Its dependencies are what a build needs.
 */
export function freshCopy(): string {
  const folder = mkdtempSync(join(tmpdir(), "switchboard-clone-"));
  const listed = run("git", ["ls-files", "--cached", "--others", "--exclude-standard", "-z"], { cwd: root });
  const gone = run("git", ["ls-files", "--deleted", "-z"], { cwd: root }).split("\0");
  for (const path of listed.split("\0")) {
    if (path === "" || gone.includes(path)) continue;
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    copyFileSync(join(root, path), join(folder, path));
  }
  leaveOut(folder, onlyForTests);
  return folder;
}

/** Takes development dependencies out of the manifest and the lock of a copy. */
function leaveOut(folder: string, names: readonly string[]): void {
  for (const file of ["package.json", "package-lock.json"]) {
    const content = JSON.parse(readFileSync(join(folder, file), "utf8"));
    const { devDependencies } = content.packages?.[""] ?? content;
    for (const name of names) {
      if (devDependencies[name] === undefined) throw new Error(`${file} does not name ${name}`);
      delete devDependencies[name];
    }
    writeFileSync(join(folder, file), JSON.stringify(content, null, 2));
  }
}
