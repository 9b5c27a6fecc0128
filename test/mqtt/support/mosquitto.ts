import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { endWithUs } from "../../support/end-with-us.ts";
import { freePort } from "../../support/free-port.ts";

/** True when Debian's `mosquitto` is there. */
export const hasMosquitto: boolean = spawnSync("mosquitto", ["-h"]).error === undefined;
/** True when Debian's `mosquitto_pub`, `_sub` and `_rr` are there. */
export const hasMosquittoClients: boolean = spawnSync("mosquitto_rr", ["--help"]).error === undefined;

/** The real Mosquitto on a port of 127.0.0.1 that it keeps over restarts. It keeps nothing itself. */
export class Mosquitto {
  readonly port: number;
  readonly #folder = mkdtempSync(join(tmpdir(), "switchboard-mosquitto-"));
  #process: ChildProcess | undefined;

  private constructor(port: number) {
    this.port = port;
  }

  static async start(extra = ""): Promise<Mosquitto> {
    const broker = new Mosquitto(await freePort());
    const lines = [`listener ${broker.port} 127.0.0.1`, "allow_anonymous true", "persistence false", extra];
    writeFileSync(join(broker.#folder, "mosquitto.conf"), `${lines.join("\n")}\n`);
    await broker.start();
    return broker;
  }

  get url(): string {
    return `mqtt://127.0.0.1:${this.port}`;
  }

  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  /** Starts it again after {@link kill}. */
  async start(): Promise<void> {
    const child = spawn("mosquitto", ["-c", join(this.#folder, "mosquitto.conf")], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    let output = "";
    child.stderr?.on("data", (text) => {
      output += text;
    });
    this.#process = child;
    endWithUs(child);
    const deadline = Date.now() + 20_000;
    while (!(await listens(this.port))) {
      if (child.exitCode !== null || Date.now() > deadline) throw new Error(`mosquitto ended:\n${output}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  /** Ends it as a crash does. */
  async kill(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child === undefined || child.exitCode !== null) return;
    const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    child.kill("SIGKILL");
    await ended;
  }

  async stop(): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(port, "127.0.0.1");
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}
