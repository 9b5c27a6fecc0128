import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { endWithUs } from "./end-with-us.ts";
import { toneOf } from "./tone.ts";
import { until } from "./until.ts";

const rate = 48_000;
/** What is listened to: about the last sixth of a second. */
const listened = 8_192;
/** What is quieter for longer than this, ms, is silence. */
const patience = 500;

/** True when Debian's `pulseaudio` and its tools are there. */
export const hasPulseAudio: boolean = ["pulseaudio", "pactl", "parec"].every(
  (name) => Bun.which(name) !== null,
);

/** A loudspeaker that nobody hears but the test. */
export interface Speaker {
  readonly name: string;
  /** The loudest tone that it plays now, in Hz; 0 for silence. */
  tone(): number;
  close(): void;
}

/** Sound without a sound card: programs play to speakers whose tones a test reads. */
export class PulseAudio {
  readonly #folder = mkdtempSync(join(tmpdir(), "switchboard-pulse-"));
  readonly #daemon: ChildProcess;

  private constructor() {
    const listener = `module-native-protocol-unix socket=${this.#socket} auth-anonymous=1`;
    const options = ["-n", "--exit-idle-time=-1", "--daemonize=no", "--use-pid-file=no", "-L", listener];
    this.#daemon = spawn("pulseaudio", options, { env: this.env, stdio: "ignore" });
    endWithUs(this.#daemon);
  }

  static async start(): Promise<PulseAudio> {
    const pulse = new PulseAudio();
    await until(() => existsSync(pulse.#socket), 30_000);
    return pulse;
  }

  get #socket(): string {
    return join(this.#folder, "native");
  }

  /** Such as `unix:/run/native`. */
  get server(): string {
    return `unix:${this.#socket}`;
  }

  /** For programs that play to it. */
  get env(): NodeJS.ProcessEnv {
    const own = {
      PULSE_SERVER: this.server,
      PULSE_RUNTIME_PATH: this.#folder,
      PULSE_STATE_PATH: this.#folder,
    };
    return { ...process.env, ...own };
  }

  /** Adds a speaker of this name. */
  async speaker(name: string): Promise<Speaker> {
    await this.#control("load-module", "module-null-sink", `sink_name=${name}`, `rate=${rate}`, "channels=1");
    const format = ["--raw", "--format=s16le", `--rate=${rate}`, "--channels=1", "--latency-msec=20"];
    const recorder = spawn("parec", ["-d", `${name}.monitor`, ...format], {
      env: this.env,
      stdio: ["ignore", "pipe", "ignore"],
    });
    endWithUs(recorder);
    let last = Buffer.alloc(0);
    let heard = 0;
    recorder.stdout.on("data", (bytes: Buffer) => {
      last = Buffer.concat([last, bytes]);
      last = last.subarray(Math.max(0, last.length - 2 * listened) & ~1);
      // A speaker to which nobody plays gives silence, or nothing.
      heard = performance.now();
    });
    return {
      name,
      tone: () => {
        if (performance.now() - heard > patience) return 0;
        const samples = Float64Array.from(
          { length: last.length >> 1 },
          (_, n) => last.readInt16LE(2 * n) / 32_768,
        );
        return toneOf(samples, rate);
      },
      close: () => recorder.kill("SIGKILL"),
    };
  }

  stop(): void {
    this.#daemon.kill("SIGKILL");
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #control(...command: string[]): Promise<void> {
    const child = spawn("pactl", command, { env: this.env, stdio: "ignore" });
    const code = await new Promise((resolve, reject) => child.once("exit", resolve).once("error", reject));
    if (code !== 0) throw new Error(`pactl ${command.join(" ")} ended with ${code}`);
  }
}
