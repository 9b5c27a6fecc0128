import { base } from "../base.ts";

/** A file of a recording, as the server lists it. */
export interface Recording {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly seconds: number;
  readonly bytes: number;
  readonly container: "mp4" | "webm";
  /** Paths of the file and of its picture; both have a query. */
  readonly url: string;
  readonly picture: string;
}

/** What the server says of a stream. */
export interface Listed {
  readonly live: boolean;
  readonly recording: "rule" | "demand" | "off";
  /** Oldest first. */
  readonly recordings: readonly Recording[];
  /** What other nodes have: they serve it. */
  readonly elsewhere: readonly { readonly node: string }[];
  /** Nodes that don't answer. */
  readonly partial?: readonly string[];
}

/** An answer, or why there is none. */
export type Answered<Value> = { readonly value: Value } | { readonly refused: string };

/** Asks the server about the recordings of a stream. The token, if there is one, goes in a header. */
export class RecordingsApi {
  readonly stream: string;
  readonly #token: string | undefined;

  constructor(stream: string, token: string | undefined) {
    this.stream = stream;
    this.#token = token;
  }

  /** The address of the list, with more of a query. */
  address(more: Readonly<Record<string, string>> = {}): string {
    return `${base}/api/v1/recordings?${new URLSearchParams({ stream: this.stream, ...more })}`;
  }

  async list(): Promise<Answered<Listed>> {
    return await this.#ask<Listed>("GET");
  }

  /** Begins to record the stream, or ends that. */
  async record(wanted: boolean): Promise<Answered<unknown>> {
    return await this.#ask(wanted ? "POST" : "DELETE");
  }

  /** What an element can load: the address itself, or, where a token is needed, what was loaded with it. Undefined where there is nothing. */
  async loadable(url: string): Promise<string | undefined> {
    const address = new URL(url, base).href;
    if (this.#token === undefined) return address;
    const response = await fetch(address, { headers: this.#headers }).catch(() => undefined);
    return response?.ok === true ? URL.createObjectURL(await response.blob()) : undefined;
  }

  get token(): string | undefined {
    return this.#token;
  }

  get #headers(): Record<string, string> {
    return this.#token === undefined ? {} : { Authorization: `Bearer ${this.#token}` };
  }

  async #ask<Value>(method: string): Promise<Answered<Value>> {
    try {
      const response = await fetch(this.address(), { method, headers: this.#headers });
      const body = await response.json();
      return response.ok ? { value: body } : { refused: body.detail ?? "The server refused." };
    } catch {
      return { refused: "The server can’t be reached." };
    }
  }
}

/** Such as `1:02:03`. */
export function durationText(seconds: number): string {
  const whole = Math.round(seconds);
  const [hours, minutes] = [Math.floor(whole / 3_600), Math.floor(whole / 60) % 60];
  const two = (value: number): string => `${value}`.padStart(2, "0");
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}
