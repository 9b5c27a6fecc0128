import type { ReplyOf } from "../protocol/replies.ts";
import type { RequestType } from "../protocol/requests.ts";
import type { ConnectOptions, Transport } from "./api.ts";
import type { AskOptions, Fields } from "./client-internals.ts";
import { abortable, onAbort, SwitchboardError } from "./error.ts";
import { Link } from "./link.ts";
import type { Introduction, Json, LinkEvents, LinkShell, Outgoing } from "./link-shell.ts";
import { openHttp, openSocket } from "./socket.ts";

/** What the connection tells and asks the client, beside the events of the link. */
export interface ConnectionEvents extends LinkEvents {
  /** The contents of a hello. They may have to wait for the device's id. */
  introduce(): Promise<Omit<Introduction, "token">>;
  /** Every frame in either direction, before it is handled or sent. */
  frame(out: boolean, frame: Json): void;
  log(level: "debug" | "info" | "warn", text: string, data?: object): void;
}

const longest = 2 ** 31 - 1;

/** The shell of the link: owns the transport, the timer and the token, and does what the link says. */
export class Connection implements LinkShell {
  readonly #link: Link;
  readonly #events: ConnectionEvents;
  readonly #server: string;
  readonly #options: ConnectOptions;
  #transport: Transport | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #hello: Introduction | undefined;
  #inputs: ((link: Link, now: number) => void)[] = [];
  #busy = false;

  constructor(instance: string, server: string, options: ConnectOptions, events: ConnectionEvents) {
    this.#link = new Link(this, events, instance, typeof options.token === "function", Math.random);
    this.#server = server;
    this.#options = options;
    this.#events = events;
  }

  get retryAt(): number | undefined {
    return this.#link.retryAt;
  }

  /** Gives the link an input. Inputs that come meanwhile wait their turn, so that frames leave in the order of their ids. */
  tell(input: (link: Link, now: number) => void): void {
    this.#inputs.push(input);
    if (this.#busy) return;
    this.#busy = true;
    while (this.#inputs[0]) this.#inputs.shift()?.(this.#link, Date.now());
    this.#busy = false;
    clearTimeout(this.#timer);
    const wait = this.#link.nextDeadline - Date.now();
    // What is due already has a negative wait, of which Node and Bun warn.
    if (wait < Infinity)
      this.#timer = setTimeout(
        () => this.tell((link, now) => link.tick(now)),
        Math.max(0, Math.min(wait, longest)),
      );
  }

  /** Asks the server; waits while there is no link. Rejects with a {@link SwitchboardError}. */
  ask<T extends RequestType>(
    type: T,
    fields: Fields<T>,
    { signal, repeat, done }: AskOptions<T> = {},
  ): Promise<ReplyOf<T>> {
    const asked = new Promise<ReplyOf<T>>((resolve, reject) => {
      const request: Outgoing = {
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
      this.tell((link) => link.request(request));
      onAbort(signal, () => this.tell((link) => link.forget(request)));
    });
    return abortable(asked, signal);
  }

  open(attempt: number, http: boolean, url = this.#server): void {
    const hello = this.#hello as Introduction;
    this.#events.log("debug", "connecting", { attempt, http });
    this.#transport = (this.#options.transport ?? (http ? openHttp : openSocket))(url, {
      opened: () => this.tell((link, now) => link.opened(attempt, hello, now)),
      frame: (frame) => {
        this.#events.frame(false, frame);
        this.tell((link, now) => link.frame(attempt, frame, now));
      },
      closed: (code, reason) => {
        this.#events.log("debug", "closed", { attempt, code, reason });
        this.tell((link, now) => link.closed(attempt, code, reason, now));
      },
    });
  }

  send(frame: Json): void {
    this.#events.frame(true, frame);
    this.#transport?.send(frame);
  }

  shut(code: number): void {
    this.#transport?.close(code);
    this.#transport = undefined;
  }

  needToken(): void {
    this.#introduce().then(
      (hello) => {
        this.#hello = hello;
        this.tell((link, now) => link.token(true, now));
      },
      () => this.tell((link, now) => link.token(false, now)),
    );
  }

  renew(): void {
    this.#fetch()
      .then((token) => this.ask("refresh", { token }))
      .then(
        ({ expires }) => this.tell((link, now) => link.renewed(expires, now)),
        () => this.tell((link, now) => link.renewed(undefined, now)),
      );
  }

  async #introduce(): Promise<Introduction> {
    return { token: await this.#fetch(), ...(await this.#events.introduce()) };
  }

  async #fetch(): Promise<string> {
    try {
      const { token } = this.#options;
      return typeof token === "string" ? token : await token();
    } catch (error) {
      this.#events.log("warn", "unauthorized", { error });
      throw error;
    }
  }
}
