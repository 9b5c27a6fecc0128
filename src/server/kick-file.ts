import { appendFileSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Kick, kickLife, maxKicks } from "../signaling/link/kicked-users.ts";
import { writeState } from "./state-folder.ts";

const fileName = "kicks.ndjson";
/** The file is written anew when it has this many lines more than it needs. */
const slack = 1_000;

/** One line of the file: who was kicked, and when. Unix ms, by the system's clock. */
type Line = readonly [name: string, at: number];

/**
 * Keeps kicks in the state folder (mode 0600), so that they outlive the process. A kick is a line at the end, written before the kick is
 * answered. The file is written anew, without what is too old or was said twice, when it is loaded and when it has grown.
 */
export class KickFile {
  readonly #folder: string;
  readonly #failed: (error: Error) => void;
  /** Lines that the file may still grow by. */
  #left = slack;

  /** `failed` is told when the file can't be used: the server goes on, and kicks end with it. */
  constructor(folder: string, failed: (error: Error) => void) {
    this.#folder = folder;
    this.#failed = failed;
  }

  /** What was kept. `wall`: Unix ms, by the system's clock. */
  load(wall: number): Kick[] {
    return (
      this.#guarded(() => this.#compact(wall).map(([name, at]): Kick => [name, Math.max(0, wall - at)])) ?? []
    );
  }

  /** Keeps a kick of that time (Unix ms, by the system's clock). */
  add(name: string, at: number): void {
    this.#guarded(() => {
      const path = join(this.#folder, fileName);
      mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
      appendFileSync(path, `${JSON.stringify([name, at] satisfies Line)}\n`, { mode: 0o600 });
      this.#left -= 1;
      if (this.#left < 0) this.#compact(at);
    });
  }

  #compact(wall: number): Line[] {
    const latest = new Map<string, number>();
    for (const [name, at] of this.#read())
      if (wall - at < kickLife) latest.set(name, Math.max(at, latest.get(name) ?? 0));
    const lines = [...latest].sort(([, one], [, other]) => one - other).slice(-maxKicks);
    if (lines.length > 0)
      writeState(this.#folder, fileName, lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
    this.#left = slack + lines.length;
    return lines;
  }

  #read(): Line[] {
    let text: string;
    try {
      text = readFileSync(join(this.#folder, fileName), "utf8");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
      throw error;
    }
    return text.split("\n").flatMap((line) => parse(line) ?? []);
  }

  #guarded<Value>(task: () => Value): Value | undefined {
    try {
      return task();
    } catch (error) {
      this.#failed(error as Error);
      return undefined;
    }
  }
}

/** Undefined for a line that is none, such as one that was cut short when the machine failed. */
function parse(text: string): [Line] | undefined {
  let line: unknown;
  try {
    line = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!Array.isArray(line)) return undefined;
  const [name, at] = line as readonly unknown[];
  return typeof name === "string" && typeof at === "number" ? [[name, at]] : undefined;
}
