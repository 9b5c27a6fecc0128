import { spawnSync } from "node:child_process";
import { root } from "./modules.mjs";

/** A number that is the same in every run of one commit, and another one with each; 1 where there is no repository, such as in an unpacked archive. */
export function commitSeed() {
  const { stdout } = spawnSync("git", ["rev-parse", "HEAD"], { cwd: root, encoding: "utf8" });
  const commit = /^[0-9a-f]{40}/.exec(stdout ?? "")?.[0];
  return commit === undefined ? 1 : Number.parseInt(commit.slice(0, 7), 16);
}
