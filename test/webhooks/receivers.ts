import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { isSigned, webhookKey } from "../../src/net/standard-webhooks.ts";
import type { Random } from "../fuzz/random.ts";
import type { Taken } from "./checker.ts";

export const secret = `whsec_${Buffer.alloc(24, 3).toString("base64")}`;

/** What a receiver does to a request, in shares; the rest it takes. */
type Faults = Partial<Record<"fail" | "hang" | "drip" | "reset" | "redirect" | "overloaded", number>>;

/** Kinds of receivers, by name. */
const kinds: Readonly<Record<string, Faults>> = {
  good: {},
  bad: { fail: 0.15, reset: 0.05, redirect: 0.03, drip: 0.03, overloaded: 0.01 },
  slow: { drip: 0.1, hang: 0.002 },
  // It is also closed now and then.
  restarts: { reset: 0.02 },
};

/** Receivers of webhooks that misbehave, and what they have taken. */
export class Receivers {
  readonly taken: Taken[] = [];
  /** Requests whose signature was none. */
  unsigned = 0;
  readonly #random: Random;
  readonly #servers = new Map<string, { server: Server; readonly port: number }>();
  #healed = false;

  constructor(random: Random) {
    this.#random = random;
  }

  async start(): Promise<void> {
    for (const name of Object.keys(kinds)) {
      const server = await this.#listen(name, 0);
      this.#servers.set(name, { server, port: (server.address() as AddressInfo).port });
    }
  }

  get urls(): string[] {
    return [...this.#servers].map(([name, { port }]) => `http://127.0.0.1:${port}/${name}`);
  }

  get names(): string[] {
    return [...this.#servers.keys()];
  }

  /** Closes the one that restarts, with its connections, and opens it again after a while. */
  async restart(): Promise<void> {
    const one = this.#servers.get("restarts");
    if (one === undefined) return;
    await close(one.server);
    await sleep(500 + this.#random.next() * 1_500);
    one.server = await this.#listen("restarts", one.port);
  }

  /** From now on all take everything. */
  heal(): void {
    this.#healed = true;
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#servers.values()].map(({ server }) => close(server)));
  }

  async #listen(name: string, port: number): Promise<Server> {
    const server = createServer((request, response) => {
      this.#serve(name, request, response).catch(() => response.destroy());
    });
    await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
    return server;
  }

  async #serve(name: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = "";
    for await (const part of request) body += part;
    const header = (of: string): string | null => (request.headers[of] as string) ?? null;
    if (!isSigned([webhookKey(secret) as Uint8Array], header, body, Date.now() / 1_000)) this.unsigned += 1;
    const { type, data } = JSON.parse(body);
    const taken: Taken = {
      ...{ endpoint: name, id: header("webhook-id") ?? "", type },
      ...{ session: data.session, n: data.n, body },
    };
    switch (this.#draw(kinds[name] ?? {})) {
      case "fail":
        response.writeHead(500).end("no");
        return;
      case "hang":
        return;
      case "reset":
        request.socket.destroy();
        return;
      case "redirect":
        response.writeHead(302, { location: `http://127.0.0.1:1/` }).end();
        return;
      case "overloaded":
        response.writeHead(429, { "retry-after": "1" }).end();
        return;
      case "drip":
        this.taken.push(taken);
        response.writeHead(200);
        for (let n = 0; n < 5; n++) {
          response.write(".");
          await sleep(50);
        }
        response.end();
        return;
      default:
        this.taken.push(taken);
        response.writeHead(204).end();
    }
  }

  #draw(faults: Faults): string | undefined {
    if (this.#healed) return undefined;
    let rest = this.#random.next();
    for (const [fault, share] of Object.entries(faults)) {
      rest -= share;
      if (rest < 0) return fault;
    }
    return undefined;
  }
}

async function close(server: Server): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve));
  server.closeAllConnections();
  await closed;
}
