import { type ChildProcess, spawn } from "node:child_process";
import type { FromWorker, ToWorker, WorkerOptions, WorkerReport } from "../control.ts";

/** How a worker process is started. */
export interface WorkerCommand {
  /** The Bun to run it on, whatever this process runs on. */
  readonly bun: string;
  /** The path of `src/media/worker/main.ts`. */
  readonly module: string;
}

export type Started = Extract<FromWorker, { type: "started" }>;

/** How long a worker that was told to stop may take before it is killed. ms */
const stopPatience = 2_000;

/** A media worker, seen from the server: a process of its own, on Bun. It ends when this process ends, however that happens. */
export class MediaWorker {
  readonly started: Started;
  report: WorkerReport = { publishers: 0, viewers: 0, packetsPerSecond: 0, lag: 0, counters: {} };
  readonly #child: ChildProcess;
  #alive = true;

  /**
   * Starts a process and waits until its ports are open. `heard` gets all that it says from then on, and `died` is called once if it ends
   * without having been told to. Rejects with an Error of one line where it can't start.
   */
  static start(
    command: WorkerCommand,
    options: WorkerOptions,
    heard: (message: FromWorker) => void,
    died: (reason: string) => void,
  ): Promise<MediaWorker> {
    return new Promise((resolve, reject) => {
      const child = spawn(command.bun, [command.module], { stdio: ["ignore", "inherit", "inherit", "ipc"] });
      let worker: MediaWorker | undefined;
      child.on("error", (error) => reject(new Error(`a media worker can't start: ${error.message}`)));
      child.on("exit", (code, signal) => {
        const reason = `a media worker ended with ${signal ?? `code ${code}`}`;
        if (worker === undefined) reject(new Error(reason));
        else if (worker.#alive) {
          worker.#alive = false;
          died(reason);
        }
      });
      child.on("message", (message) => {
        const said = message as FromWorker;
        if (said.type === "started") {
          worker = new MediaWorker(child, said);
          resolve(worker);
        } else if (said.type === "failed") {
          reject(new Error(said.reason));
          child.kill();
        } else if (worker !== undefined) {
          if (said.type === "report") worker.report = said.report;
          heard(said);
        }
      });
      child.send({ type: "start", options } satisfies ToWorker);
    });
  }

  private constructor(child: ChildProcess, started: Started) {
    this.#child = child;
    this.started = started;
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  post(message: ToWorker): void {
    if (this.#alive && this.#child.connected) this.#child.send(message);
  }

  /** Resolves when the process has ended. */
  stop(): Promise<void> {
    if (!this.#alive) return Promise.resolve();
    const gone = new Promise<void>((resolve) => this.#child.once("exit", () => resolve()));
    this.post({ type: "stop" });
    this.#alive = false;
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), stopPatience);
    return gone.finally(() => clearTimeout(timer));
  }
}
