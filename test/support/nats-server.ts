import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { createConnection } from "node:net";
import { endWithUs } from "./end-with-us.ts";
import { freePort } from "./free-port.ts";

const program = "nats-server";
const startTimeout = 10_000;

/** True when Debian's `nats-server` is there. */
export const hasNats: boolean = spawnSync(program, ["--version"]).status === 0;

/** The real `nats-server`, on a port of 127.0.0.1 that it keeps over restarts. */
export class NatsServer {
  readonly port: number;
  readonly #flags: readonly string[];
  #process: ChildProcess | undefined;

  private constructor(port: number, flags: readonly string[]) {
    this.port = port;
    this.#flags = flags;
  }

  /** Resolves once it listens. `flags` are its own, such as `--user` and `-c FILE`. */
  static async start(...flags: string[]): Promise<NatsServer> {
    const server = new NatsServer(await freePort(), flags);
    await server.start();
    return server;
  }

  get url(): string {
    return `nats://127.0.0.1:${this.port}`;
  }

  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  /** Starts it again after {@link stop} or {@link kill}. */
  async start(): Promise<void> {
    const args = ["-a", "127.0.0.1", "-p", String(this.port), ...this.#flags];
    const child = spawn(program, args, { stdio: ["ignore", "ignore", "pipe"] });
    let output = "";
    child.stderr?.on("data", (text) => {
      output += text;
    });
    this.#process = child;
    endWithUs(child);
    const deadline = Date.now() + startTimeout;
    while (!(await listens(this.port))) {
      if (child.exitCode !== null || Date.now() > deadline) throw new Error(`nats-server ended:\n${output}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  /** Ends it as an operator would: its clients are told. */
  stop(): Promise<void> {
    return this.#end("SIGTERM");
  }

  kill(): Promise<void> {
    return this.#end("SIGKILL");
  }

  /** It stays, and its connections stay, but nothing happens until {@link thaw}. */
  freeze(): void {
    this.#process?.kill("SIGSTOP");
  }

  thaw(): void {
    this.#process?.kill("SIGCONT");
  }

  async #end(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    child.kill(signal);
    await ended;
  }
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(port, "127.0.0.1");
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}
