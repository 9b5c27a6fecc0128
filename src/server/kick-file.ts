import { type Kick, kickLife, maxKicks } from "../signaling/link/kicked-users.ts";
import { StateLines } from "./state-lines.ts";

/** One line of the file: who was kicked, and when. Unix ms, by the system's clock. */
type Line = readonly [name: string, at: number];

/** Keeps kicks in the state folder, so that they outlive the process. A kick is written before it is answered. */
export class KickFile {
  readonly #lines: StateLines<Line>;
  #wall = 0;

  /** `failed` is told when the file can't be used: the server goes on, and kicks end with it. */
  constructor(folder: string, failed: (error: Error) => void) {
    this.#lines = new StateLines({
      ...{ folder, fileName: "kicks.ndjson", failed, parse },
      compact: (lines) => latest(lines, this.#wall),
    });
  }

  /** What was kept. `wall`: Unix ms, by the system's clock. */
  load(wall: number): Kick[] {
    this.#wall = wall;
    return this.#lines.load().map(([name, at]): Kick => [name, Math.max(0, wall - at)]);
  }

  /** Keeps a kick of that time (Unix ms, by the system's clock). */
  add(name: string, at: number): void {
    this.#wall = at;
    this.#lines.add([name, at]);
  }
}

/** Without what is too old or was said twice. */
function latest(lines: readonly Line[], wall: number): Line[] {
  const times = new Map<string, number>();
  for (const [name, at] of lines)
    if (wall - at < kickLife) times.set(name, Math.max(at, times.get(name) ?? 0));
  return [...times].sort(([, one], [, other]) => one - other).slice(-maxKicks);
}

function parse(value: unknown): Line | undefined {
  if (!Array.isArray(value)) return undefined;
  const [name, at] = value as readonly unknown[];
  return typeof name === "string" && typeof at === "number" ? [name, at] : undefined;
}
