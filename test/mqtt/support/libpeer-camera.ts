import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { endWithUs } from "../../support/end-with-us.ts";
import { until } from "../../support/until.ts";

/** What the device tells. */
export interface LibpeerEvent {
  readonly event:
    | "subscribed"
    | "refused"
    | "disconnected"
    | "invoke"
    | "state"
    | "answer"
    | "heard"
    | "overrun";
  readonly [field: string]: unknown;
}

export interface LibpeerOptions {
  /** `mqtts://HOST:PORT/PATH`: the path is where its topics begin, and its end is the client id. */
  readonly url: string;
  readonly username: string;
  readonly password: string;
  readonly color?: "red" | "green" | "blue";
  /** Hz; 0: silence. */
  readonly tone?: number;
}

const program = fileURLToPath(new URL("libpeer-device.mjs", import.meta.url));

/** A libpeer-style camera: a process that does what the sources of libpeer do, and ends where the real device would overrun its memory. */
export class LibpeerCamera {
  readonly events: LibpeerEvent[] = [];
  readonly #child: ChildProcess;

  private constructor(options: LibpeerOptions) {
    const { url, username, password, color = "red", tone = 0 } = options;
    const token = Buffer.from(`${username}:${password}`).toString("base64");
    this.#child = spawn(Bun.which("node") ?? "node", [program, url, token, color, String(tone)], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    endWithUs(this.#child);
    if (this.#child.stdout !== null)
      createInterface({ input: this.#child.stdout }).on("line", (line) => this.events.push(JSON.parse(line)));
  }

  /** Starts it, and waits until it has subscribed. Rejects where it is refused. */
  static async start(options: LibpeerOptions): Promise<LibpeerCamera> {
    const camera = new LibpeerCamera(options);
    const first = await camera.next((one) => one.event === "subscribed" || one.event === "refused");
    if (first.ok !== true) throw new Error(`the camera is refused: ${JSON.stringify(first)}`);
    return camera;
  }

  /** The requests that it got, in order. */
  get invoked(): unknown[] {
    return this.events.filter(({ event }) => event === "invoke").map(({ method }) => method);
  }

  get state(): unknown {
    return this.events.findLast(({ event }) => event === "state")?.state ?? "new";
  }

  /** What the answer would have overrun; undefined while all is well. */
  get overrun(): unknown {
    return this.events.find(({ event }) => event === "overrun")?.what;
  }

  /** The tone that it hears from the source that its answer named. Hz */
  get hears(): unknown {
    return this.events.findLast(({ event }) => event === "heard")?.tone;
  }

  /** Waits for an event, from now on or before. Fails where the device has overrun its memory. */
  async next(is: (event: LibpeerEvent) => boolean, from = 0): Promise<LibpeerEvent> {
    const find = () => this.events.slice(from).find(is);
    await until(() => find() !== undefined || this.overrun !== undefined, 60_000);
    const found = find();
    if (found === undefined) throw new Error(`the camera would have overrun its memory: ${this.overrun}`);
    return found;
  }

  /** Something beside the camera publishes below its path, as a button does. */
  publish(word: string, text: string): void {
    this.#child.stdin?.write(`publish ${word} ${text}\n`);
  }

  /** Puts it into another state, as media that is lost does. */
  become(state: string): void {
    this.#child.stdin?.write(`state ${state}\n`);
  }

  /** Ends its call by itself, as a device does that is restarted. */
  hangUp(): void {
    this.#child.stdin?.write("close\n");
  }

  /** It takes what comes, and replies to nothing any more. */
  silence(): void {
    this.#child.stdin?.write("silent\n");
  }

  stop(): void {
    this.#child.kill("SIGKILL");
  }
}
