import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FromWorker, ToWorker, WorkerOptions, WorkerReport } from "../control.ts";
import { MediaWorker, type Started, type WorkerCommand } from "./media-worker.ts";

/** How long a worker that died is waited with: doubled at each death within a minute. ms */
const [firstPause, longestPause, calmAfter] = [100, 5_000, 60_000];

export interface FleetOptions {
  readonly command: WorkerCommand;
  readonly workers: number;
  /** The n-th worker has this port plus n; where it is 0, each has any free one. */
  readonly options: Omit<WorkerOptions, "relay">;
  /** A worker said something. */
  heard(worker: number, message: FromWorker): void;
  /** A worker is gone with all its peers. Another one takes its number and its ports. */
  died(worker: number, reason: string): void;
  /** A worker took the place of one that died. */
  restarted(worker: number): void;
}

/** The media workers of one server. Each that dies is started again. */
export class MediaFleet {
  readonly #options: FleetOptions;
  readonly #workers: Slot[] = [];
  /** For the Unix sockets between workers: only this user may enter. */
  readonly #folder = mkdtempSync(join(tmpdir(), "switchboard-media-"));
  #stopped = false;

  /** Starts all workers. Rejects with an Error of one line when one can't start, and then none is left running. */
  static async start(options: FleetOptions): Promise<MediaFleet> {
    const fleet = new MediaFleet(options);
    try {
      for (let n = 0; n < options.workers; n++) {
        const { port } = options.options;
        const slot: Slot = {
          worker: undefined,
          port: port === 0 ? 0 : port + n,
          pause: firstPause,
          diedAt: 0,
        };
        fleet.#workers.push(slot);
        await fleet.#start(n, slot);
      }
    } catch (error) {
      await fleet.stop();
      throw error;
    }
    return fleet;
  }

  private constructor(options: FleetOptions) {
    this.#options = options;
  }

  /** How many workers there are, running or not. */
  get size(): number {
    return this.#workers.length;
  }

  /** The worker of that number; undefined while it is being started again. */
  worker(number: number): MediaWorker | undefined {
    return this.#workers[number]?.worker;
  }

  /** What the workers said when they started. */
  get started(): Started[] {
    return this.#workers.flatMap(({ worker }) => worker?.started ?? []);
  }

  /** What the running workers reported last. */
  get reports(): WorkerReport[] {
    return this.#workers.flatMap(({ worker }) => worker?.report ?? []);
  }

  /** A path for a Unix socket that only this user can reach. */
  socket(name: string): string {
    return join(this.#folder, `${name}.sock`);
  }

  /** The Unix socket of a worker. */
  relay(number: number): string {
    return this.socket(`${number}`);
  }

  post(number: number, message: ToWorker): void {
    this.#workers[number]?.worker?.post(message);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    for (const { timer } of this.#workers) clearTimeout(timer);
    await Promise.all(this.#workers.map(({ worker }) => worker?.stop()));
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #start(number: number, slot: Slot): Promise<void> {
    const { command, options, heard, died } = this.#options;
    const worker = await MediaWorker.start(
      command,
      { ...options, port: slot.port, relay: this.relay(number) },
      (message) => heard(number, message),
      (reason) => {
        slot.worker = undefined;
        if (this.#stopped) return;
        died(number, reason);
        this.#again(number, slot);
      },
    );
    slot.worker = worker;
    // Whoever comes back finds it at the same port.
    slot.port = worker.started.udpPort;
    if (this.#stopped) await worker.stop();
  }

  #again(number: number, slot: Slot): void {
    const now = performance.now();
    slot.pause = now - slot.diedAt > calmAfter ? firstPause : Math.min(longestPause, slot.pause * 2);
    slot.diedAt = now;
    slot.timer = setTimeout(() => {
      this.#start(number, slot).then(
        () => this.#options.restarted(number),
        () => {
          if (!this.#stopped) this.#again(number, slot);
        },
      );
    }, slot.pause);
  }
}

interface Slot {
  worker: MediaWorker | undefined;
  port: number;
  pause: number;
  diedAt: number;
  timer?: ReturnType<typeof setTimeout>;
}
