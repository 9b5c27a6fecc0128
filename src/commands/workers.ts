import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Settings } from "../config/schema.ts";
import { now } from "../net/clock.ts";
import { random } from "../net/crypto.ts";
import { runtime } from "../net/listen.ts";
import { nodeName } from "../package-info.ts";
import { ticketKeys } from "../server/ticket-keys.ts";
import { createLog, type Logger } from "../telemetry/log.ts";

/** They drain the server; the second one ends it at once. */
export const endSignals = ["SIGTERM", "SIGINT", "SIGHUP"] as const;

/** What a worker tells once it listens: settings of the other workers, as environment variables. */
export interface WorkerReady {
  /** A list for each part that has something to share; the n-th other worker takes the n-th entry, and after the last they begin anew. */
  readonly shared: readonly (readonly Readonly<Record<string, string>>[])[];
}

/** The first wait before a worker that died is started again, and the longest. Who lived as long as that begins anew. ms */
const [firstWait, longestWait] = [500, 30_000];

/**
 * Runs `settings.workers` processes on one port, each a node of its own, and starts those again that die. Resolves with
 * the exit code when a signal has ended all of them, or when one refuses its settings at the start.
 */
export async function runWorkers(settings: Settings): Promise<number> {
  const refusal = refuse(settings);
  if (refusal !== undefined) {
    console.error(`switchboard: ${refusal}`);
    return 2;
  }
  const log = createLog(settings.log);
  // For the Unix socket of the media server: only this user may enter.
  const folder = mkdtempSync(join(tmpdir(), "switchboard-workers-"));
  const secrets = {
    ...ticketKeyFor(settings, log),
    SWITCHBOARD_TURN_SECRET: settings.turn.secret || random(32),
    SWITCHBOARD_MEDIA_SHARE: join(folder, "media.sock"),
  };
  const numbers = Array.from({ length: settings.workers }, (_, index) => index + 1);
  const workers = numbers.map((number) => new Worker(number, settings, log));
  const [first, ...others] = workers as [Worker, ...Worker[]];
  const tell = (signal: NodeJS.Signals): void => {
    for (const worker of workers) worker.signal(signal);
  };
  for (const signal of endSignals) process.on(signal, () => tell(signal));
  process.once("disconnect", () => tell("SIGTERM"));
  // One that refuses its settings, or was told to hurry, takes the others with it.
  for (const { over } of workers) void over.then((code) => code !== 0 && tell("SIGTERM"));

  // The first worker has what there can be only one of, such as the ports of TURN, and the others share it.
  const ready = await first.run(secrets);
  for (const [index, worker] of others.entries()) {
    const shared = (ready?.shared ?? []).map((entries) => entries[(index + 1) % entries.length]);
    void worker.run(Object.assign({ ...secrets }, ...shared));
  }
  const codes = await Promise.all(workers.map((worker) => worker.over));
  rmSync(folder, { recursive: true, force: true });
  return Math.max(...codes);
}

/** One key for all workers, also where the state folder can't be used. */
function ticketKeyFor(settings: Settings, log: Logger): Readonly<Record<string, string>> {
  if (settings.ticketKey !== "" || settings.tokens.secret !== "") return {};
  const [key = new Uint8Array()] = ticketKeys(settings, now(), log.warn.bind(log));
  return { SWITCHBOARD_TICKET_KEY: Buffer.from(key).toString("base64url") };
}

function refuse({ port }: Settings): string | undefined {
  if (port === 0) return "setting workers: every worker would get a port of its own; set port";
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  const able =
    runtime === "bun" || major > 23 || (major === 23 && minor >= 1) || (major === 22 && minor >= 12);
  if (process.platform !== "linux" || !able)
    return "setting workers: processes can share a port on Linux only, with Bun or Node 22.12, 23.1 or newer; run them on ports of their own, behind a load balancer";
  return undefined;
}

/** One process of several, in all its lives. */
class Worker {
  /** Its exit code, when it is not to live again. */
  readonly over: Promise<number>;
  readonly #number: number;
  readonly #flags: readonly string[];
  readonly #log: Logger;
  #end = (_code: number): void => {};
  #child: ChildProcess | undefined;
  #waiting: ReturnType<typeof setTimeout> | undefined;
  #stopping = false;
  #lived = false;
  #wait = firstWait;

  constructor(number: number, settings: Settings, log: Logger) {
    this.#number = number;
    this.#log = log;
    const { admin, port } = settings;
    this.#flags = [
      // Given, also where it is the default: every worker has this port or none.
      ...["--workers", "1", "--reuse-port", "true", "--port", String(port)],
      ...["--node", `${nodeName(settings.node)}-${number}`],
      ...(admin.port === 0 ? [] : ["--admin.port", String(admin.port + number - 1)]),
    ];
    this.over = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  /** Resolves when it listens, or with undefined when it is over before that. */
  run(env: Readonly<Record<string, string>>): Promise<WorkerReady | undefined> {
    return new Promise((resolve) => {
      void this.over.then(() => resolve(undefined));
      if (this.#stopping) this.#end(0);
      else this.#start(env, resolve);
    });
  }

  signal(signal: NodeJS.Signals): void {
    this.#stopping = true;
    clearTimeout(this.#waiting);
    if (this.#child === undefined) this.#end(0);
    else this.#child.kill(signal);
  }

  #start(env: Readonly<Record<string, string>>, listening: (ready: WorkerReady) => void): void {
    const [, script = "", ...args] = process.argv;
    const began = now();
    // A group of its own: else the terminal's Ctrl-C would reach it twice, and the second time means "at once".
    const child = spawn(process.execPath, [...process.execArgv, script, ...args, ...this.#flags], {
      stdio: ["ignore", "inherit", "inherit", "ipc"],
      detached: true,
      env: { ...process.env, ...env },
    });
    this.#child = child;
    child.once("message", (message) => {
      this.#lived = true;
      listening(message as WorkerReady);
    });
    child.once("exit", (code, signal) => {
      this.#child = undefined;
      if (this.#stopping || (code === 2 && !this.#lived)) {
        this.#end(code ?? 1);
        return;
      }
      if (now() - began > longestWait) this.#wait = firstWait;
      this.#log.error({ worker: this.#number, code, signal, wait: this.#wait }, "a worker died");
      this.#waiting = setTimeout(() => this.#start(env, listening), this.#wait);
      this.#wait = Math.min(longestWait, this.#wait * 2);
    });
  }
}
