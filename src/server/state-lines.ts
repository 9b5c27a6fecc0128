import { appendFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { readState, writeState } from "./state-folder.ts";

/** The file is written anew when it has this many lines more than it needs. */
const slack = 1_000;

export interface StateLinesOptions<Line> {
  readonly folder: string;
  readonly fileName: string;
  /** Undefined for a line that is none, such as one that was cut short when the machine failed. */
  readonly parse: (value: unknown) => Line | undefined;
  /** The lines that are still needed of these, which are in the order in which they were added. */
  readonly compact: (lines: readonly Line[]) => readonly Line[];
  /** Is told when the file can't be used: the server goes on, and forgets with its end what it would have kept. */
  readonly failed: (error: Error) => void;
}

/**
 * Lines of JSON in a file of the state folder (mode 0600), which outlive the process. Each is written before {@link add} returns. The
 * file is written anew, without what is needed no more, when it is loaded and when it has grown.
 */
export class StateLines<Line> {
  readonly #options: StateLinesOptions<Line>;
  /** Lines that the file may still grow by. */
  #left = slack;

  constructor(options: StateLinesOptions<Line>) {
    this.#options = options;
  }

  /** What was kept and is still needed. */
  load(): readonly Line[] {
    return this.#guarded(() => this.#compact()) ?? [];
  }

  add(line: Line): void {
    const { folder, fileName } = this.#options;
    this.#guarded(() => {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      appendFileSync(join(folder, fileName), `${JSON.stringify(line)}\n`, { mode: 0o600 });
      this.#left -= 1;
      if (this.#left < 0) this.#compact();
    });
  }

  #compact(): readonly Line[] {
    const { folder, fileName, compact } = this.#options;
    const lines = compact(this.#read());
    if (lines.length > 0)
      writeState(folder, fileName, lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
    this.#left = slack + lines.length;
    return lines;
  }

  #read(): Line[] {
    const { folder, fileName } = this.#options;
    const text = readState(folder, fileName);
    if (text === undefined) return [];
    return text.split("\n").flatMap((line) => this.#parse(line));
  }

  #parse(text: string): [Line] | [] {
    try {
      const line = this.#options.parse(JSON.parse(text));
      return line === undefined ? [] : [line];
    } catch {
      return [];
    }
  }

  #guarded<Value>(task: () => Value): Value | undefined {
    try {
      return task();
    } catch (error) {
      this.#options.failed(error as Error);
      return undefined;
    }
  }
}
