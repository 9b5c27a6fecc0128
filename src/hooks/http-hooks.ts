import type { AuthenticateAnswer, AuthorizeAnswer, WakeAnswer } from "../application/hooks.ts";
import { random } from "../net/crypto.ts";
import { signedHeaders } from "../net/standard-webhooks.ts";
import { CircuitBreaker } from "./circuit-breaker.ts";
import type { HookName, Hooks } from "./hooks.ts";

export interface HttpHooksOptions {
  readonly url: string;
  /** Each signs what is sent. */
  readonly keys: readonly Uint8Array[];
  /** How long one hook may take, ms. */
  readonly timeout: number;
  /** The hooks that are sent. */
  readonly names: ReadonlySet<HookName>;
  /** Unix ms, of the monotonic clock; how far the system's is ahead of it. */
  now(): number;
  wallAhead(): number;
}

/** Hooks that wait for an answer at a time: a receiver that is slower than it is asked must not fill the memory. */
const mostUnderWay = 1_000;
/** The largest answer. Bytes. */
const answerBytes = 65_536;

/**
 * The application's hooks at an HTTP server, in any language: each is a POST of `{type, timestamp, data}`, signed as Standard Webhooks
 * 1.0.0 has it, and its answer is the body of a 200. A receiver that fails again and again is left alone for a while.
 */
export class HttpHooks {
  readonly hooks: Hooks;
  readonly #options: HttpHooksOptions;
  readonly #breaker = new CircuitBreaker();
  #underWay = 0;

  constructor(options: HttpHooksOptions) {
    this.#options = options;
    const ask = <A>(name: HookName) =>
      options.names.has(name) ? { [name]: (data: object) => this.#ask(name, data) as Promise<A> } : {};
    this.hooks = {
      ...ask<AuthenticateAnswer>("authenticate"),
      ...ask<AuthorizeAnswer>("authorize"),
      ...ask<WakeAnswer>("wake"),
    };
  }

  get state(): CircuitBreaker["state"] {
    return this.#breaker.state;
  }

  async #ask(type: HookName, data: object): Promise<unknown> {
    const { now, timeout } = this.#options;
    if (this.#underWay >= mostUnderWay) throw new Error(`${mostUnderWay} hooks wait for an answer already`);
    if (!this.#breaker.admits(now()))
      throw new Error("hooks.url failed again and again: it is tried again in a moment");
    this.#underWay += 1;
    const end = new AbortController();
    const cut = setTimeout(() => end.abort(new Error(`no answer within ${timeout} ms`)), timeout);
    try {
      const answer = await this.#post(type, data, end.signal);
      this.#breaker.succeeded();
      return answer;
    } catch (error) {
      this.#breaker.failed(now());
      throw end.signal.aborted ? end.signal.reason : error;
    } finally {
      clearTimeout(cut);
      this.#underWay -= 1;
    }
  }

  async #post(type: HookName, data: object, signal: AbortSignal): Promise<unknown> {
    const { url, keys, now, wallAhead } = this.#options;
    const at = now() + wallAhead();
    const body = JSON.stringify({ type, timestamp: new Date(at).toISOString(), data });
    const message = { id: `msg_${random(18)}`, seconds: Math.floor(at / 1_000), body };
    const headers = { "Content-Type": "application/json", ...signedHeaders(keys, message) };
    const request = { method: "POST", headers, body, redirect: "manual", signal } as const;
    let response: Response;
    try {
      response = await fetch(url, request);
    } catch (error) {
      // A connection that was kept may have been closed at its other end just now. The id says that it is the same hook.
      if (signal.aborted) throw error;
      response = await fetch(url, request);
    }
    const text = await textOf(response);
    if (response.status !== 200) throw new Error(`hooks.url answered ${response.status}`);
    try {
      return JSON.parse(text);
    } catch {
      throw new Error("hooks.url answered what is no JSON");
    }
  }
}

async function textOf(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  // Read to its end, so that the connection can be used again.
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > answerBytes) throw new Error(`hooks.url answered more than ${answerBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}
