import { type ChildProcess, spawn } from "node:child_process";

/** Kills the process when this one is gone, however it went: tests are killed themselves when they hang. */
export function endWithUs(child: ChildProcess): void {
  const script = `cat; kill -9 ${child.pid}`;
  const guard = spawn("sh", ["-c", script], { stdio: ["pipe", "ignore", "ignore"], detached: true });
  guard.unref();
  child.once("exit", () => guard.kill("SIGKILL"));
}
