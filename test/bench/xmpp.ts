// XMPP over WebSocket: messages a second between pairs, sign-ins a second with SCRAM, and memory of idle clients, of Switchboard and Prosody.
import { createHash, createHmac, pbkdf2Sync } from "node:crypto";
import { readFileSync } from "node:fs";
import { verifiersOf } from "../../src/auth/credential-verifiers.ts";
import { startServer } from "../support/server.ts";
import { prosodyPath, startProsody } from "../xmpp/support/prosody.ts";

export interface XmppSize {
  /** Pairs of clients that send each other messages. */
  readonly pairs: number;
  readonly seconds: number;
  /** Clients that do nothing, for the memory of each. */
  readonly idle: number;
  /** Clients that sign in again and again at the same time. */
  readonly signingIn: number;
  readonly runs: number;
}

/** Messages of one pair that are on their way at a time. */
const window = 32;
const body = "x".repeat(200);
const domain = "localhost";
const password = "pencil";

interface Rival {
  readonly service: string;
  readonly pid: number;
  stop(): Promise<void>;
}

const names = (count: number) => Array.from({ length: count }, (_, n) => `user${n}`);

const rivals: Readonly<Record<string, (users: readonly string[]) => Promise<Rival>>> = {
  switchboard: async (users) => {
    const much = { requestsPerSecond: 1e8, requestsBurst: 1e8, bytesPerSecond: 2e9, bytesBurst: 2e9 };
    const stored = users.map((login) => ({
      login,
      realm: "switchboard",
      grants: ["call=*", "send=*", "watch=*"],
      verifiers: verifiersOf(login, "switchboard", password, Buffer.from(login.padEnd(16, "."))),
    }));
    const server = await startServer({
      config: {
        credentials: { stored },
        xmpp: { domain, limits: { ...much, connections: 100_000 } },
        limits: {
          ...{ connectsPerSecond: 1e6, connectsBurst: 1e6, linksPerAddress: 100_000 },
          ...{ httpRequestsPerSecond: 1e6, httpRequestsBurst: 1e6 },
        },
      },
    });
    const service = `${server.url.replace("http", "ws")}/xmpp`;
    return { service, pid: server.pid, stop: () => server.stop() };
  },
  prosody: async (users) => {
    const { service, pid, stop } = await startProsody(users, { password, hashed: true });
    return { service, pid, stop };
  },
};

/** What SCRAM makes of the password, by salt: a client may keep it (RFC 5802 §5.1). */
const salted = new Map<string, Buffer>();

/** A client that does nothing but what the load needs. */
class LoadClient {
  readonly #socket: WebSocket;
  readonly #user: string;
  readonly #ready: () => void;
  readonly #closed: Promise<void>;
  #nonce = "";
  #first = "";
  #last = "nothing";
  heard = 0;
  onMessage = (): void => {};

  private constructor(service: string, user: string, ready: () => void, failed: (error: Error) => void) {
    this.#user = user;
    this.#ready = ready;
    this.#socket = new WebSocket(service, "xmpp");
    this.#closed = new Promise((resolve) => {
      this.#socket.onclose = ({ code, reason }) => {
        failed(new Error(`${user} was disconnected: ${code} ${reason}, after ${this.#last}`));
        resolve();
      };
    });
    this.#socket.onopen = () => this.#open();
    this.#socket.onmessage = ({ data }) => this.#received(String(data));
  }

  /** Resolves when it is signed in and has its resource. */
  static open(service: string, user: string): Promise<LoadClient> {
    return new Promise((resolve, reject) => {
      const client: LoadClient = new LoadClient(service, user, () => resolve(client), reject);
    });
  }

  send(text: string): void {
    this.#socket.send(text);
  }

  end(): Promise<void> {
    this.#socket.close();
    return this.#closed;
  }

  #open(): void {
    this.send(`<open xmlns="urn:ietf:params:xml:ns:xmpp-framing" to="${domain}" version="1.0"/>`);
  }

  #received(text: string): void {
    this.#last = text;
    if (text.startsWith("<message")) {
      this.heard += 1;
      this.onMessage();
    } else if (text.includes("<challenge")) this.#challenged(inner(text));
    else if (text.includes("<success")) this.#open();
    else if (text.includes("mechanisms")) {
      this.#nonce = Math.random().toString(36).slice(2);
      this.#first = `n=${this.#user},r=${this.#nonce}`;
      this.#sasl("auth", `n,,${this.#first}`, ' mechanism="SCRAM-SHA-1"');
    } else if (text.includes("xmpp-bind") && text.includes("features"))
      this.send(
        '<iq xmlns="jabber:client" type="set" id="b"><bind xmlns="urn:ietf:params:xml:ns:xmpp-bind"><resource>x</resource></bind></iq>',
      );
    else if (text.includes("<jid>")) this.#ready();
    else if (text.includes("<failure") || text.includes("error>")) throw new Error(text);
  }

  #challenged(challenge: string): void {
    const [, nonce = "", salt = "", iterations = ""] = /^r=([^,]+),s=([^,]+),i=(\d+)/.exec(challenge) ?? [];
    const known = salted.get(salt);
    const key = known ?? pbkdf2Sync(password, Buffer.from(salt, "base64"), Number(iterations), 20, "sha1");
    salted.set(salt, key);
    const hmac = (of: Uint8Array, text: string) => createHmac("sha1", of).update(text).digest();
    const clientKey = hmac(key, "Client Key");
    const final = `c=biws,r=${nonce}`;
    const storedKey = createHash("sha1").update(clientKey).digest();
    const signature = hmac(storedKey, `${this.#first},${challenge},${final}`);
    const proof = Buffer.from(clientKey.map((byte, at) => byte ^ (signature[at] ?? 0))).toString("base64");
    this.#sasl("response", `${final},p=${proof}`);
  }

  #sasl(name: string, text: string, attributes = ""): void {
    const encoded = Buffer.from(text).toString("base64");
    this.send(`<${name} xmlns="urn:ietf:params:xml:ns:xmpp-sasl"${attributes}>${encoded}</${name}>`);
  }
}

function inner(element: string): string {
  return Buffer.from(/>([^<]*)</.exec(element)?.[1] ?? "", "base64").toString();
}

/** Messages a second from one client to another, all pairs together. */
async function relayed(service: string, { pairs, seconds }: XmppSize): Promise<number> {
  const all: LoadClient[] = [];
  for (let n = 0; n < pairs; n++) {
    const [from, to] = [
      await LoadClient.open(service, `user${2 * n}`),
      await LoadClient.open(service, `user${2 * n + 1}`),
    ];
    for (const one of [from, to]) one.send('<presence xmlns="jabber:client"/>');
    const address = `user${2 * n + 1}@${domain}/x`;
    const message = `<message xmlns="jabber:client" to="${address}" type="chat"><body>${body}</body></message>`;
    to.onMessage = () => from.send(message);
    all.push(from, to);
    for (let sent = 0; sent < window; sent++) from.send(message);
  }
  const heard = () => all.reduce((sum, one) => sum + one.heard, 0);
  await Bun.sleep(500);
  const [before, start] = [heard(), performance.now()];
  await Bun.sleep(seconds * 1_000);
  const rate = ((heard() - before) * 1_000) / (performance.now() - start);
  await Promise.all(all.map((one) => one.end()));
  return rate;
}

/** Sign-ins a second: connection, SCRAM-SHA-1, resource. */
async function signedIn(service: string, { signingIn, seconds }: XmppSize): Promise<number> {
  let count = 0;
  const end = performance.now() + seconds * 1_000;
  await Promise.all(
    names(signingIn).map(async (user) => {
      while (performance.now() < end) {
        const client = await LoadClient.open(service, user);
        if (performance.now() < end) count += 1;
        await client.end();
      }
    }),
  );
  return count / seconds;
}

/** KB of each idle client that is signed in and available. */
async function idleMemory({ service, pid }: Rival, users: readonly string[]): Promise<number> {
  const before = residentKb(pid);
  const all: LoadClient[] = [];
  for (const user of users) {
    const one = await LoadClient.open(service, user);
    one.send('<presence xmlns="jabber:client"/>');
    all.push(one);
  }
  await Bun.sleep(1_000);
  const each = (residentKb(pid) - before) / users.length;
  await Promise.all(all.map((one) => one.end()));
  return each;
}

function residentKb(pid: number): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
}

const median = (numbers: number[]): number =>
  numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;

/** Measures both servers in turn, `runs` times, and answers a table of medians. Without Debian's Prosody it leaves that out. */
export async function benchXmpp(size: XmppSize): Promise<string> {
  const figures = new Map<string, { messages: number[]; signIns: number[]; idle: number[] }>();
  const loading = names(Math.max(size.pairs * 2, size.signingIn));
  for (let run = 0; run < size.runs; run++)
    for (const [name, start] of Object.entries(rivals)) {
      if (name === "prosody" && prosodyPath === undefined) continue;
      const measured = figures.get(name) ?? { messages: [], signIns: [], idle: [] };
      figures.set(name, measured);
      const fresh = await start(names(size.idle));
      measured.idle.push(await idleMemory(fresh, names(size.idle)));
      await fresh.stop();
      const rival = await start(loading);
      measured.messages.push(await relayed(rival.service, size));
      measured.signIns.push(await signedIn(rival.service, size));
      await rival.stop();
    }
  const rows = [...figures].map(([name, { messages, signIns, idle }]) => [
    name,
    Math.round(median(messages)),
    Math.round(median(signIns)),
    median(idle).toFixed(1),
  ]);
  const head = ["| | messages/s | sign-ins/s | KB per idle client |", "|---|---:|---:|---:|"];
  return [...head, ...rows.map((row) => `| ${row.join(" | ")} |`)].join("\n");
}
