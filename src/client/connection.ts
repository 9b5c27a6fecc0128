import type { Welcome } from "../protocol/handshake.ts";
import type { Push } from "../protocol/pushes.ts";
import type { ReplyOf } from "../protocol/replies.ts";
import type { RequestOf, RequestType } from "../protocol/requests.ts";
import type { ConnectOptions } from "./api.ts";
import { abortable, SwitchboardError } from "./error.ts";
import { openHttp } from "./http-socket.ts";
import {
  type Incoming,
  type Introduction,
  Link,
  type LinkInput,
  type LinkOutput,
  type LinkState,
  type Outgoing,
  type Refusal,
} from "./link.ts";
import type { Cancel } from "./live.ts";
import { openSocket, type Transport } from "./socket.ts";

export interface ConnectionEvents {
  /** Who this is, for a hello. The device's id may have to be waited for. */
  introduce(): Promise<Omit<Introduction, "token">>;
  state(state: LinkState): void;
  welcome(welcome: Welcome): void;
  push(push: Push): void;
  /** Every frame, both ways, before anything is done about it. */
  frame(out: boolean, frame: Incoming): void;
  stopped(code: number, reason: string): void;
}

export interface AskOptions<T extends RequestType> extends Cancel {
  /** Asking twice does no more than asking once. */
  readonly repeat?: boolean;
  /** Called with the reply before any later frame is looked at; the promise settles a little later. */
  done?(reply: ReplyOf<T>): void;
}

interface Ask extends Outgoing {
  settle(ok: Incoming | undefined, error: Refusal | undefined): void;
}

/** The shell of the link: it owns the transport, the timer and the token, and does what the machine says. */
export class Connection {
  readonly #link: Link;
  readonly #events: ConnectionEvents;
  readonly #server: string;
  readonly #options: ConnectOptions;
  #transport: Transport | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #hello: Introduction | undefined;
  #outputs: LinkOutput[] = [];
  #performing = false;

  constructor(instance: string, server: string, options: ConnectOptions, events: ConnectionEvents) {
    this.#link = new Link(instance, typeof options.token === "function", Math.random);
    this.#server = server;
    this.#options = options;
    this.#events = events;
  }

  get retryAt(): number | undefined {
    return this.#link.retryAt;
  }

  connect(): void {
    this.#handle({ on: "connect" });
  }

  /** Something may have changed: see whether the link still lives, or try again at once. */
  wake(): void {
    this.#handle({ on: "wake" });
  }

  /** Leaves, to come back with `connect`. */
  pause(): void {
    this.#handle({ on: "pause" });
  }

  close(): void {
    this.#handle({ on: "close" });
  }

  /** Asks the server; waits while there is no link. Rejects with a {@link SwitchboardError}. */
  ask<T extends RequestType>(
    type: T,
    fields: Omit<RequestOf<T>, "id" | "type">,
    { signal, repeat = false, done }: AskOptions<T> = {},
  ): Promise<ReplyOf<T>> {
    const asked = new Promise<ReplyOf<T>>((resolve, reject) => {
      const request: Ask = {
        body: { type, ...fields },
        repeat,
        settle: (ok, error) => {
          if (error)
            reject(new SwitchboardError(error.code, error.message, error.temporary, error.retryAfter));
          else {
            done?.(ok as ReplyOf<T>);
            resolve(ok as ReplyOf<T>);
          }
        },
      };
      signal?.addEventListener("abort", () => this.#handle({ on: "drop", request }), { once: true });
      if (!signal?.aborted) this.#handle({ on: "request", request });
    });
    return abortable(asked, signal);
  }

  #handle(input: LinkInput): void {
    this.#outputs.push(...this.#link.handle(input, Date.now()));
    // What an output causes comes after the outputs that are there already: frames leave in the order of their ids.
    if (this.#performing) return;
    this.#performing = true;
    for (let next = this.#outputs.shift(); next; next = this.#outputs.shift()) this.#perform(next);
    this.#performing = false;
    clearTimeout(this.#timer);
    const at = this.#link.nextDeadline;
    if (at !== undefined)
      this.#timer = setTimeout(
        () => this.#handle({ on: "tick" }),
        Math.min(Math.max(0, at - Date.now()), 2 ** 31 - 1),
      );
  }

  #perform(output: LinkOutput): void {
    switch (output.do) {
      case "token":
        void this.#fetchToken();
        return;
      case "open":
        this.#open(output.attempt, output.http, output.url ?? this.#server);
        return;
      case "send":
        this.#events.frame(true, output.frame);
        this.#transport?.send(output.frame);
        return;
      case "shut":
        this.#transport?.close(output.code);
        this.#transport = undefined;
        return;
      case "state":
        this.#options.log?.("info", output.state);
        this.#events.state(output.state);
        return;
      case "welcome":
        this.#events.welcome(output.welcome);
        return;
      case "push":
        this.#events.push(output.push);
        return;
      case "settle":
        (output.request as Ask).settle(output.ok, output.error);
        return;
      case "renew":
        void this.#renew();
        return;
      case "stopped":
        this.#events.stopped(output.code, output.reason);
        return;
    }
  }

  #open(attempt: number, http: boolean, server: string): void {
    const hello = this.#hello;
    if (!hello) return;
    this.#options.log?.("debug", "dial", { attempt, http });
    this.#transport = (http ? openHttp : openSocket)(server, {
      opened: () => this.#handle({ on: "opened", attempt, hello }),
      frame: (frame) => {
        this.#events.frame(false, frame);
        this.#handle({ on: "frame", attempt, frame });
      },
      closed: (code, reason) => {
        this.#options.log?.("debug", "transport closed", { attempt, code, reason });
        this.#handle({ on: "closed", attempt, code, reason });
      },
    });
  }

  async #fetchToken(): Promise<void> {
    try {
      const token = await this.#token();
      this.#hello = { token, ...(await this.#events.introduce()) };
      this.#handle({ on: "token", ok: true });
    } catch (error) {
      this.#options.log?.("warn", "no token", { error });
      this.#handle({ on: "token", ok: false });
    }
  }

  async #renew(): Promise<void> {
    try {
      const { expires } = await this.ask("refresh", { token: await this.#token() });
      this.#handle({ on: "renewed", expires });
    } catch (error) {
      this.#options.log?.("warn", "token not renewed", { error });
      this.#handle({ on: "renewed", expires: undefined });
    }
  }

  async #token(): Promise<string> {
    const { token } = this.#options;
    return typeof token === "string" ? token : token();
  }
}
