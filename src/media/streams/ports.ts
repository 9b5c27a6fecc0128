import type { ToWorker, WorkerReport } from "../control.ts";

/** A worker as streams see it. */
interface WorkerView {
  /** The value of `a=fingerprint` of its certificate. */
  readonly fingerprint: string;
  readonly udpPort: number;
  readonly tcpPort: number;
  /** Its Unix socket for other workers. */
  readonly relay: string;
  readonly report: WorkerReport;
}

/** What streams need of the world. */
export interface StreamPorts {
  /** Unix time in ms, of a clock that never goes back. */
  now(): number;
  /** How many workers there are, running or not. */
  readonly workers: number;
  /** Undefined while the worker is down. */
  worker(number: number): WorkerView | undefined;
  post(worker: number, message: ToWorker): void;
  /** An unguessable text of so many random bytes, base64url. */
  random(bytes: number): string;
  /** Calls back after so many ms, until it is cancelled. */
  after(ms: number, due: () => void): () => void;
}
