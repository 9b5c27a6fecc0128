import type { Limits } from "../../src/protocol/limits.ts";
import { Client, type Frame } from "./client.ts";
import { openHttp } from "./http-wire.ts";
import type { TokenRequest, TokenSource } from "./token-source.ts";
import { openWebSocket, type WireOpener } from "./wire.ts";

/** One rule of docs/protocol.md, seen on a running server. It passes when `run` does not throw. */
export interface Check {
  /** The rule's id in docs/protocol.md. */
  readonly rule: string;
  readonly title: string;
  /** `mint`: needs tokens made to measure. `dev`: needs a server in development mode. */
  readonly needs?: "mint" | "dev";
  /** How long it takes at least, in ms, on a server with these limits. */
  readonly takes?: (limits: Limits) => number;
  run(t: Context): Promise<void>;
}

export interface HelloOptions extends Omit<TokenRequest, "user"> {
  readonly instance?: string;
  readonly attempt?: number;
  readonly token?: string;
  readonly kind?: string;
  readonly name?: string;
  readonly capabilities?: Frame;
  readonly sessions?: readonly string[];
  readonly resume?: Frame;
  readonly extra?: Frame;
}

let lastRun = Date.now() % 1_000_000;

/** What a check works with: users of its own, clients that are closed after it, the server's limits. */
export class Context {
  readonly url: string;
  readonly limits: Limits;
  readonly tokens: TokenSource;
  readonly clients: Client[] = [];
  readonly #run = (++lastRun).toString(36);
  #instances = 0;

  constructor(url: string, limits: Limits, tokens: TokenSource) {
    this.url = url;
    this.limits = limits;
    this.tokens = tokens;
  }

  /** A user that no other check uses. */
  user(name: string): string {
    return `${name}-${this.#run}`;
  }

  room(name: string): string {
    return `room:${name}-${this.#run}`;
  }

  instance(): string {
    return `instance-${this.#run}-${++this.#instances}`;
  }

  async open(opener: WireOpener = openWebSocket): Promise<Client> {
    let failure: unknown;
    for (let attempt = 0; attempt < 6; attempt++) {
      try {
        const client = new Client(await opener(this.url));
        this.clients.push(client);
        return client;
      } catch (error) {
        failure = error;
        // The server may limit the rate of new transports.
        await new Promise((resolve) => setTimeout(resolve, 250 * (attempt + 1)));
      }
    }
    throw failure;
  }

  hello(user: string, device: string | undefined, options: HelloOptions = {}): Frame {
    const { kind = "browser", name, capabilities, sessions, resume } = options;
    return {
      type: "hello",
      token: options.token ?? this.tokens.token(requestOf(user, options)),
      device: defined({ id: device, kind, name, capabilities }),
      instance: options.instance ?? this.instance(),
      attempt: options.attempt ?? 1,
      ...defined({ sessions, resume }),
      ...options.extra,
    };
  }

  /** Opens a transport and says hello; resolves when welcome came. */
  async connect(
    user: string,
    device?: string,
    options: HelloOptions = {},
    opener?: WireOpener,
  ): Promise<Client> {
    const client = await this.open(opener);
    client.send(this.hello(user, device, options));
    client.welcome = await client.expect("welcome", (frame) => frame.type === "welcome");
    return client;
  }

  async connectHttp(user: string, device?: string, options: HelloOptions = {}): Promise<Client> {
    return this.connect(user, device, options, openHttp);
  }

  /** Opens a transport and says hello; resolves to the code that it was closed with. */
  async refusal(user: string, device?: string, options: HelloOptions = {}): Promise<number> {
    const client = await this.open();
    client.send(this.hello(user, device, options));
    const code = await client.closed();
    if (client.frames.some((frame) => frame.type === "welcome"))
      throw new Error("welcome came before the close");
    return code;
  }

  /** Another transport that goes on with the link of `before`. */
  async resume(before: Client, user: string, device: string, options: HelloOptions): Promise<Client> {
    const client = await this.open();
    client.lastSeq = before.lastSeq;
    client.nextId = before.nextId;
    client.send(this.hello(user, device, { resume: resumeOf(before), ...options }));
    client.welcome = await client.expect("welcome", (frame) => frame.type === "welcome");
    return client;
  }

  end(): void {
    for (const client of this.clients) if (client.closeCode === undefined) client.close();
  }
}

/** What `hello.resume` holds to go on with a client's link. */
export function resumeOf(client: Client): Frame {
  const { link, secret, home } = client.welcome;
  return { link, secret, home, seq: client.lastSeq };
}

function requestOf(user: string, options: HelloOptions): TokenRequest {
  return {
    user,
    ...defined({
      grants: options.grants,
      lifetime: options.lifetime,
      claims: options.claims,
      forged: options.forged,
      device: options.device,
    }),
  };
}

function defined<T extends object>(value: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as never;
}
