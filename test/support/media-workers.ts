import { readdirSync, readFileSync } from "node:fs";

/** The ids of the media workers of a server. Linux only. */
export function workersOf(pid: number): number[] {
  return childrenOf(pid, /media[\\/]worker/);
}

/** The id of the process that makes HLS and recordings of a server; undefined while there is none. Linux only. */
export function packagerOf(pid: number): number | undefined {
  return childrenOf(pid, /media[\\/]packager/)[0];
}

/** Children whose command lines say so. */
function childrenOf(pid: number, command: RegExp): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => {
      try {
        const parent = /^PPid:\s*(\d+)$/m.exec(readFileSync(`/proc/${name}/status`, "utf8"))?.[1];
        return Number(parent) === pid && command.test(readFileSync(`/proc/${name}/cmdline`, "utf8"));
      } catch {
        // It has ended meanwhile.
        return false;
      }
    })
    .map(Number);
}
