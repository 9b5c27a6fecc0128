import type { ToWorker, WorkerReport } from "../control.ts";
import type { LocalTransport, StreamInfo } from "../service.ts";
import type { MediaPeer } from "./media-peer.ts";
import type { ShareLimits } from "./peer-shares.ts";

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
  /** True once nobody is to be taken any more. */
  draining(): boolean;
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

/** What the settings say of streams. */
export interface StreamRules {
  /** How long viewers wait for a publisher that has vanished. ms */
  readonly linger: number;
  readonly shares: ShareLimits;
  /** Whether a second publisher takes the place of the first one. */
  takesOver(stream: string): boolean;
  /** Heights of the smaller sizes that are made of a stream whose publisher sends one size. Without it there are none. */
  ladder?(stream: string): readonly number[];
  /** The addresses that peers are told, best first, with the way to each. */
  candidates(worker: { readonly udpPort: number; readonly tcpPort: number }): LocalTransport["candidates"];
}

/** What happens to streams, for whoever shows or counts it. */
export interface StreamObserver {
  /** A stream is live, is no longer, or has other viewers or layers. */
  changed?(stream: StreamInfo): void;
  /** A peer was opened, or has ended. */
  opened?(peer: MediaPeer): void;
  ended?(peer: MediaPeer, reason: string): void;
}
