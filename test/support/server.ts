import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { endWithUs } from "./end-with-us.ts";
import { commandLine, runtimePath } from "./runtimes.ts";

export interface ServerOptions {
  /** Default: the runtime of the tests. */
  readonly runtime?: "bun" | "node";
  /** Settings, as in the file; default: development mode on a free port of 127.0.0.1. */
  readonly config?: object;
  readonly env?: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
  /** Most file descriptors that it may have. */
  readonly descriptors?: number;
  /** How large a file of its may be, bytes, until `prlimit` raises it: as with a full disk, a write fails. */
  readonly fileSize?: number;
}

export interface RunningServer {
  /** Such as `http://127.0.0.1:49152`. */
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** Every line that it has printed so far. */
  readonly logs: string[];
  /** Ends it, at once if it does not drain within a second. */
  stop(): Promise<void>;
  /** Ends it as a crash does: nobody is told. */
  kill(): Promise<void>;
}

/** In `npm test` a server lives for seconds: to optimise its code costs more than that saves. */
const brief = process.env.TEST_SERVER === undefined ? {} : { BUN_JSC_useDFGJIT: "0" };
/** Far more than it takes, for a machine that is busy. ms */
const startTimeout = 45_000;

/** Starts the real server as a process of its own. Rejects with what it printed when it does not come to listen. */
export async function startServer(options: ServerOptions = {}): Promise<RunningServer> {
  const runtime = options.runtime ?? (process.versions.bun === undefined ? "node" : "bun");
  const folder = mkdtempSync(join(tmpdir(), "switchboard-test-"));
  const file = join(folder, "switchboard.json");
  const config = {
    dev: true,
    host: "127.0.0.1",
    port: 0,
    drain: 200,
    log: { format: "json" },
    // Its ports are for one server of a machine; the tests of TURN turn it on.
    turn: { embedded: false },
    // So does the media server.
    media: { enabled: false },
    ...options.config,
  };
  writeFileSync(file, JSON.stringify(config));
  const { descriptors, fileSize } = options;
  const limits = [
    ...(descriptors === undefined ? [] : [`ulimit -n ${descriptors}`]),
    // In blocks of 512 bytes. Without the signal a write that goes beyond only fails.
    ...(fileSize === undefined ? [] : ["trap '' XFSZ", `ulimit -S -f ${Math.ceil(fileSize / 512)}`]),
  ];
  const limited = limits.length === 0 ? [] : ["sh", "-c", `${limits.join(" && ")} && exec "$@"`, "sh"];
  const [program = "", ...args] = [
    ...limited,
    runtimePath(runtime),
    commandLine(runtime),
    "serve",
    "--config",
    file,
  ];
  const child = spawn(program, [...args, ...(options.args ?? [])], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...brief, STATE_DIRECTORY: join(folder, "state"), ...options.env },
  });
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  endWithUs(child);
  void exited.then(() => rmSync(folder, { recursive: true, force: true }));

  const logs: string[] = [];
  const url = await new Promise<string>((resolve, reject) => {
    const failed = (why: string): void => {
      child.kill("SIGKILL");
      reject(new Error(`the server ${why}:\n${logs.join("\n")}`));
    };
    const timer = setTimeout(() => failed(`does not listen after ${startTimeout} ms`), startTimeout);
    const hear = (line: string): void => {
      logs.push(line);
      const found = line.includes("Switchboard is at") ? /"url":"([^"]+)"/.exec(line)?.[1] : undefined;
      if (found === undefined) return;
      clearTimeout(timer);
      resolve(found);
    };
    for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on("line", hear);
    child.once("error", (error) => failed(`can't be started: ${error.message}`));
    child.once("close", (code) => {
      clearTimeout(timer);
      failed(`ended with code ${code}`);
    });
  });
  return {
    url,
    port: Number(new URL(url).port),
    pid: child.pid ?? 0,
    logs,
    stop: async () => {
      child.kill("SIGTERM");
      const kill = setTimeout(() => child.kill("SIGKILL"), 1_000);
      await exited;
      clearTimeout(kill);
    },
    kill: async () => {
      child.kill("SIGKILL");
      await exited;
    },
  };
}
