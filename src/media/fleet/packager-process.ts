import { type ChildProcess, spawn } from "node:child_process";
import { listenUnix } from "../../net/unix-socket.ts";
import { PackagerFrames } from "../packager/frames.ts";
import type { FromPackager, RecordingRules, ToPackager } from "../packaging.ts";

export interface PackagerOptions {
  readonly bun: string;
  /** The path of `src/media/packager/main.ts`. */
  readonly module: string;
  /** Where our Unix socket for it is to be. */
  readonly socket: string;
  readonly recordings: RecordingRules;
  /** Empty for none. */
  readonly ffmpeg: string;
  readonly hlsAac: boolean;
  readonly transcoders: number;
  readonly hardware: boolean;
  heard(message: FromPackager, bytes: Uint8Array): void;
  /** It ended by itself: all that it took is lost. */
  died(reason: string): void;
}

/** How long it may take to stop before it is killed. ms */
const stopPatience = 2_000;

/** The packager, seen from the server: a process that starts with the first stream to take, and again after it died. */
export class PackagerProcess {
  readonly #options: PackagerOptions;
  readonly #stopListening: () => void;
  #child: ChildProcess | undefined;

  /** Rejects with an Error where the Unix socket can't be made. */
  static async listen(options: PackagerOptions): Promise<PackagerProcess> {
    const stop = await listenUnix(options.socket, (stream) => {
      const frames = new PackagerFrames();
      return {
        data: (chunk) => {
          if (!frames.push(chunk, options.heard)) stream.destroy();
        },
        closed: () => {},
      };
    });
    return new PackagerProcess(options, stop);
  }

  private constructor(options: PackagerOptions, stopListening: () => void) {
    this.#options = options;
    this.#stopListening = stopListening;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  post(message: ToPackager): void {
    const child = this.#child ?? this.#start();
    if (child.connected) child.send(message);
  }

  /** Resolves when it has ended, and recordings are closed. */
  async stop(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child?.connected) {
      const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
      child.send({ type: "stop" } satisfies ToPackager);
      const timer = setTimeout(() => child.kill("SIGKILL"), stopPatience);
      await gone;
      clearTimeout(timer);
    }
    this.#stopListening();
  }

  #start(): ChildProcess {
    const { bun, module, died, ...others } = this.#options;
    const { socket, recordings, ffmpeg, hlsAac, transcoders, hardware } = others;
    const child = spawn(bun, [module], { stdio: ["ignore", "inherit", "inherit", "ipc"] });
    this.#child = child;
    let over = false;
    const ended = (reason: string): void => {
      if (over || this.#child !== child) return;
      over = true;
      this.#child = undefined;
      died(reason);
    };
    child.on("error", (error) => ended(error.message));
    child.on("exit", (code, signal) => ended(signal ?? `code ${code}`));
    const options = { socket, recordings, ffmpeg, hlsAac, transcoders, hardware };
    child.send({ type: "start", ...options } satisfies ToPackager);
    return child;
  }
}
