import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { endWithUs } from "../support/end-with-us.ts";
import { freePort } from "../support/free-port.ts";
import { commandLine } from "../support/runtimes.ts";

export interface ClusterNodeOptions {
  readonly name: string;
  /** Such as `nats://127.0.0.1:4222`; without it the node is alone. */
  readonly nats?: string;
  /** How far its clock is ahead, ms. */
  readonly skew?: number;
  /** How long SIGTERM may take, ms. */
  readonly drain?: number;
  readonly limits?: object;
  readonly settings?: object;
}

/** What `/health/ready` says. */
export interface NodeHealth {
  readonly status: string;
  readonly backplane: string;
  readonly links: number;
  readonly sessions: number;
}

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const startTimeout = 60_000;
const many = 1_000_000;

/** All load comes from one address: what bounds a single client is off. */
const limits = {
  connectsPerSecond: many,
  connectsBurst: many,
  linksPerAddress: many,
  openTransports: many,
  callsPerMinute: many,
  callsBurst: many,
  requestsPerSecond: 2_000,
  requestsBurst: 4_000,
};

/** One node of a cluster: the real server as a process of its own. It keeps its name and port over restarts. */
export class ClusterNode {
  readonly name: string;
  readonly port: number;
  /** Everything that it has printed. */
  output = "";
  readonly #options: ClusterNodeOptions;
  readonly #folder: string;
  #process: ChildProcess | undefined;

  private constructor(options: ClusterNodeOptions, port: number) {
    this.name = options.name;
    this.port = port;
    this.#options = options;
    this.#folder = mkdtempSync(join(tmpdir(), "switchboard-node-"));
    const settings = {
      dev: true,
      host: "127.0.0.1",
      port,
      node: options.name,
      ticketKey: "a ticket key that all nodes of the test have",
      drain: options.drain ?? 30_000,
      log: { format: "json" },
      page: false,
      turn: { embedded: false },
      // Its workers are processes that no fault test needs.
      media: { enabled: false },
      limits: { ...limits, ...options.limits },
      ...(options.nats === undefined ? {} : { nats: { url: [options.nats] } }),
      ...options.settings,
    };
    writeFileSync(this.#file, JSON.stringify(settings));
  }

  static async start(options: ClusterNodeOptions): Promise<ClusterNode> {
    const node = new ClusterNode(options, await freePort());
    await node.start();
    return node;
  }

  get #file(): string {
    return join(this.#folder, "switchboard.json");
  }

  get url(): string {
    return `ws://127.0.0.1:${this.port}/ws`;
  }

  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  get running(): boolean {
    return (
      this.#process !== undefined && this.#process.exitCode === null && this.#process.signalCode === null
    );
  }

  /** Starts it, or starts it again. Resolves once it is ready for clients. */
  async start(): Promise<void> {
    const { skew = 0 } = this.#options;
    const preload = skew === 0 ? [] : ["--preload", at("skewed-clock.ts")];
    const args = [...preload, commandLine("bun"), "serve", "--config", this.#file];
    const env = { ...process.env, TEST_CLOCK_SKEW: String(skew) };
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"], env });
    endWithUs(child);
    this.#process = child;
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (text) => {
        this.output += text;
      });
    const deadline = performance.now() + startTimeout;
    while ((await this.health()) === undefined) {
      if (!this.running || performance.now() > deadline)
        throw new Error(`node ${this.name} does not start:\n${this.output.slice(-2_000)}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Undefined when it does not answer. */
  async health(): Promise<NodeHealth | undefined> {
    try {
      const url = `http://127.0.0.1:${this.port}/health/ready`;
      const response = await fetch(url, { signal: AbortSignal.timeout(2_000) });
      return (await response.json()) as NodeHealth;
    } catch {
      return undefined;
    }
  }

  async live(): Promise<boolean> {
    try {
      const url = `http://127.0.0.1:${this.port}/health/live`;
      return (await fetch(url, { signal: AbortSignal.timeout(2_000) })).ok;
    } catch {
      return false;
    }
  }

  /** `kill -9`. */
  async kill(): Promise<void> {
    await this.#signal("SIGKILL");
  }

  /** As an operator ends it: it drains. Resolves with the exit code. */
  async terminate(): Promise<number | null> {
    return this.#signal("SIGTERM");
  }

  freeze(): void {
    this.#process?.kill("SIGSTOP");
  }

  thaw(): void {
    this.#process?.kill("SIGCONT");
  }

  async stop(): Promise<void> {
    if (this.running) await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #signal(signal: "SIGKILL" | "SIGTERM"): Promise<number | null> {
    const child = this.#process;
    if (child === undefined || !this.running) return null;
    const exited = new Promise<number | null>((resolve) => child.once("exit", (code) => resolve(code)));
    child.kill(signal);
    return exited;
  }
}
