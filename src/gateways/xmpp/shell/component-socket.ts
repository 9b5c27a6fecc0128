import { connectStream } from "../../../net/connect.ts";
import type { Component } from "../component.ts";

/** How long a connection may take, and the pauses between attempts. ms */
const [connectTimeout, firstPause, longestPause] = [10_000, 500, 30_000];

export interface ComponentSocketOptions {
  readonly host: string;
  readonly port: number;
  /** Unix ms */
  now(): number;
  /** Says what becomes of the connection. */
  tell(what: "joined" | "lost" | "failed", reason?: string): void;
  /** Does what an input has made due, and costs nobody else anything where it fails. */
  guarded(what: () => void): void;
}

/** Keeps a component connected: it tries again for as long as it runs, with longer and longer pauses. */
export class ComponentSocket {
  readonly #component: Component;
  readonly #options: ComponentSocketOptions;
  #pause = firstPause;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #stopped = false;
  #end: (() => void) | undefined;

  constructor(component: Component, options: ComponentSocketOptions) {
    this.#component = component;
    this.#options = options;
    void this.#connect();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#end?.();
  }

  async #connect(): Promise<void> {
    const { host, port, now, guarded, tell } = this.#options;
    const utf8 = new TextDecoder();
    let joined = false;
    try {
      await connectStream({ host, port, timeout: connectTimeout }, (stream) => {
        this.#end = () => stream.destroy();
        const encoder = new TextEncoder();
        guarded(() =>
          this.#component.connected({
            send: (text) => stream.write(encoder.encode(text)),
            close: () => stream.end(),
          }),
        );
        return {
          data: (bytes) => {
            guarded(() => this.#component.received(utf8.decode(bytes, { stream: true })));
            if (joined || !this.#component.ready) return;
            joined = true;
            this.#pause = firstPause;
            tell("joined");
          },
          closed: () => {
            this.#end = undefined;
            guarded(() => this.#component.closed(now()));
            if (!this.#stopped) tell("lost");
            this.#again();
          },
        };
      });
      if (this.#stopped) this.#end?.();
    } catch (error) {
      tell("failed", error instanceof Error ? error.message : String(error));
      this.#again();
    }
  }

  #again(): void {
    if (this.#stopped) return;
    this.#timer = setTimeout(() => void this.#connect(), this.#pause);
    this.#pause = Math.min(longestPause, this.#pause * 2);
  }
}
