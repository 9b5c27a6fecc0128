import type { Transport, TransportEvents } from "./api.ts";
import type { Json } from "./link-shell.ts";
import { parse } from "./transport.ts";

/** Most characters in one POST. The rest waits for the next one. */
const most = 48_000;

/**
 * Long polling of `/link`: the same frames where WebSocket is blocked. A GET waits for frames, and one POST at a time sends
 * them. The first POST has the hello.
 */
export class HttpTransport implements Transport {
  #secret: string | undefined;
  #queue: string[] = [];
  #posting = false;
  #closed = false;
  readonly #abort = new AbortController();
  readonly #url: URL;
  readonly #events: TransportEvents;

  /** `server`: its address, http(s) or ws(s). */
  constructor(server: string, events: TransportEvents) {
    this.#url = new URL("link", server.replace(/^ws/, "http"));
    this.#events = events;
  }

  send(frame: Json): void {
    this.#queue.push(JSON.stringify(frame));
    if (!this.#posting) void this.#guard(() => this.#post());
  }

  close(code: number): void {
    if (code === 1000 && this.#secret && !this.#closed)
      fetch(this.#url, { method: "DELETE", headers: this.#headers(), keepalive: true }).catch(() => {});
    this.#closed = true;
    this.#abort.abort();
  }

  async #post(): Promise<void> {
    this.#posting = true;
    try {
      while (this.#queue.length > 0 && !this.#closed) {
        let body = `${this.#queue.shift()}\n`;
        while (this.#secret && this.#queue[0] && body.length + this.#queue[0].length < most)
          body += `${this.#queue.shift()}\n`;
        const response = await this.#fetch("POST", body);
        const secret = response.headers.get("Switchboard-Transport");
        if (this.#secret || !secret) continue;
        this.#secret = secret;
        this.#deliver(await response.text());
        void this.#guard(() => this.#poll());
      }
    } finally {
      this.#posting = false;
    }
  }

  async #poll(): Promise<void> {
    while (!this.#closed) {
      const response = await this.#fetch("GET");
      if (response.status !== 204) this.#deliver(await response.text());
    }
  }

  #deliver(text: string): void {
    for (const line of text.split("\n")) {
      const frame = line === "" || this.#closed ? undefined : parse(line);
      if (frame) this.#events.frame(frame);
    }
  }

  /** Fetches. A response without success closes the transport. */
  async #fetch(method: string, body?: string): Promise<Response> {
    const response = await fetch(this.#url, {
      method,
      headers: this.#headers(),
      signal: this.#abort.signal,
      cache: "no-store",
      ...(body !== undefined && { body }),
    });
    if (response.ok) return response;
    const { close = 1006, reason = "" } = parse(await response.text()) ?? {};
    this.#end(Number(close), String(reason));
    throw new Error("closed");
  }

  #headers(): Record<string, string> {
    return this.#secret ? { Authorization: `Bearer ${this.#secret}` } : {};
  }

  async #guard(act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch {
      this.#end(1006, "");
    }
  }

  #end(code: number, reason: string): void {
    if (this.#closed) return;
    this.close(code);
    this.#events.closed(code, reason);
  }
}
