import { headerKey, headerName, isListHeader } from "./header-name.ts";
import { splitValues } from "./header-values.ts";

/** A header as it will be written. */
interface Field {
  readonly key: string;
  readonly name: string;
  value: string;
}

/** The headers of a message, in order. Lookups ignore case and know the compact names. */
export class Headers {
  readonly #fields: Field[] = [];

  constructor(entries: Iterable<readonly [name: string, value: string]> = []) {
    for (const [name, value] of entries) this.add(name, value);
  }

  get size(): number {
    return this.#fields.length;
  }

  /** The value of the first header of this name, unfolded and trimmed. */
  get(name: string): string | undefined {
    const key = headerKey(name);
    for (const field of this.#fields) if (field.key === key) return field.value;
    return undefined;
  }

  has(name: string): boolean {
    return this.get(name) !== undefined;
  }

  /** The values of all headers of this name, one for each line. */
  lines(name: string): string[] {
    const key = headerKey(name);
    return this.#fields.filter((field) => field.key === key).map((field) => field.value);
  }

  /** Like {@link lines}, but lists are split at their commas. Empty values are left out. */
  values(name: string): string[] {
    const lines = this.lines(name);
    return isListHeader(headerKey(name)) ? lines.flatMap(splitValues) : lines;
  }

  /** True when a list of tokens has this one, in any case (`Supported: timer`). */
  includes(name: string, token: string): boolean {
    const wanted = token.toLowerCase();
    return this.values(name).some((value) => value.toLowerCase() === wanted);
  }

  /** Appends a header. A line break in the value becomes a space, so that a value can't add another header. */
  add(name: string, value: string): this {
    const key = headerKey(name);
    this.#fields.push({ key, name: headerName(key, name), value: oneLine(value) });
    return this;
  }

  /** Replaces the first header of this name and removes the others, or appends it. */
  set(name: string, value: string): this {
    const key = headerKey(name);
    const first = this.#fields.find((field) => field.key === key);
    if (first === undefined) return this.add(name, value);
    this.#removeFrom(this.#fields.indexOf(first) + 1, key);
    first.value = oneLine(value);
    return this;
  }

  remove(name: string): this {
    this.#removeFrom(0, headerKey(name));
    return this;
  }

  clone(): Headers {
    return new Headers(this);
  }

  *[Symbol.iterator](): IterableIterator<readonly [name: string, value: string]> {
    for (const { name, value } of this.#fields) yield [name, value];
  }

  #removeFrom(start: number, key: string): void {
    for (let at = this.#fields.length - 1; at >= start; at--)
      if (this.#fields[at]?.key === key) this.#fields.splice(at, 1);
  }
}

function oneLine(value: string): string {
  return value.includes("\n") || value.includes("\r") ? value.replace(/[\r\n]+/g, " ") : value;
}
