import { spawnSync } from "node:child_process";
import { commandLine, runtimePath } from "./runtimes.ts";

/** What a run of the command line left. */
export interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs the command line to its end, without the settings of the environment that the tests run in. */
export function command(
  args: readonly string[],
  env: Record<string, string> = {},
  runtime: "bun" | "node" = "bun",
): Ran {
  const { status, stdout, stderr } = spawnSync(runtimePath(runtime), [commandLine(runtime), ...args], {
    encoding: "utf8",
    timeout: 45_000,
    env: { PATH: process.env.PATH, NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE, ...env },
  });
  return { code: status, out: stdout, err: stderr };
}
