import { readdirSync, readFileSync } from "node:fs";

/** The ids of the media workers of a server: its children that say so in their command lines. Linux only. */
export function workersOf(pid: number): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => {
      try {
        const parent = /^PPid:\s*(\d+)$/m.exec(readFileSync(`/proc/${name}/status`, "utf8"))?.[1];
        return (
          Number(parent) === pid && /media[\\/]worker/.test(readFileSync(`/proc/${name}/cmdline`, "utf8"))
        );
      } catch {
        // It has ended meanwhile.
        return false;
      }
    })
    .map(Number);
}
