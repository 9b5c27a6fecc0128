import { expect, test } from "bun:test";
import { Link } from "./link.ts";
import type { Json, LinkEvents, LinkShell, Outgoing } from "./link-shell.ts";

/** A generator of numbers from 0 to 1 that a seed fixes (mulberry32). */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** The server's end as docs/protocol.md has it, in 60 lines: one link, its log, and whatever transport is current. */
class Server {
  links = 0;
  link: { id: string; got: number; seq: number; log: Json[]; open: number[] } | undefined;
  transport: Json[] | undefined;
  attempt = 0;
  /** What was executed, by link. */
  executed: string[] = [];
  pushes = 0;

  take(frame: Json, transport: Json[]): void {
    if (frame.type === "hello") this.hello(frame, transport);
    if (transport !== this.transport || !this.link) return;
    if (frame.type === "ack") {
      expect(frame.seq as number).toBeLessThanOrEqual(this.link.seq);
      this.link.log = this.link.log.filter(({ seq }) => (seq as number) > (frame.seq as number));
    }
    if (typeof frame.id !== "number" || frame.id <= this.link.got) return;
    expect(frame.id).toBe(this.link.got + 1);
    this.link.got = frame.id;
    this.executed.push(frame.name as string);
    if (frame.type !== "signal") this.link.open.push(frame.id);
    else transport.push({ type: "ack", id: frame.id });
  }

  hello({ attempt, resume }: Json, transport: Json[]): void {
    if ((attempt as number) <= this.attempt) throw new Error("an attempt must rise");
    this.attempt = attempt as number;
    this.transport = transport;
    const asked = resume as { link: string; seq: number } | undefined;
    const link = this.link;
    const resumed = link !== undefined && asked?.link === link.id;
    if (resumed) link.log = link.log.filter(({ seq }) => (seq as number) > asked.seq);
    else this.link = { id: `l${++this.links}`, got: 0, seq: 0, log: [], open: [] };
    const { id = "", got = 0, log = [] } = this.link ?? {};
    const rest = { secret: "s", home: "n", expires: 1e9, limits: { requestsInFlight: 8 } };
    transport.push({ type: "welcome", resumed, link: id, got, ...rest }, ...log);
  }

  say(frame: Json): void {
    if (!this.link) return;
    const counted = { seq: ++this.link.seq, ...frame };
    this.link.log.push(counted);
    this.transport?.push(counted);
  }
}

/** One random life of a link: requests, pushes, cuts at any point, a server that sometimes forgets. */
function live(seed: number): void {
  const random = numbers(seed);
  const chance = (share: number) => random() < share;
  const server = new Server();
  const up: Json[] = [];
  let down: Json[] = [];
  let attempt = 0;
  let open = false;
  let wanted: "token" | "open" | undefined;
  let now = 0;
  let ended = false;
  const heard: number[] = [];
  const outcomes = new Map<string, string[]>();
  const repeated = new Set<string>();
  const cut = () => {
    open = false;
    up.length = 0;
    down = [];
    server.transport = undefined;
  };
  const shell: LinkShell & LinkEvents = {
    needToken: () => {
      wanted = "token";
    },
    open: (n) => {
      attempt = n;
      wanted = "open";
    },
    send: (frame) => open && up.push(frame),
    shut: cut,
    renew: () => {},
    entered: () => {},
    welcome: () => {},
    push: (push) => heard.push((push as unknown as { n: number }).n),
    stopped: () => {
      ended = true;
    },
  };
  const link = new Link(shell, shell, "i", true, random);
  link.connect();
  let made = 0;
  for (let step = 0; step < 1_100; step++) {
    const quiet = step > 700;
    now += Math.floor(random() * 300);
    if (wanted === "token") {
      wanted = undefined;
      link.token(quiet || chance(0.9), now);
    } else if (wanted === "open") {
      wanted = undefined;
      if (quiet || chance(0.9)) {
        open = true;
        link.opened(attempt, { token: "t" }, now);
      } else link.closed(attempt, 1006, "", now);
    } else if (!quiet && chance(0.03)) {
      cut();
      link.closed(attempt, 1006, "", now);
      if (chance(0.2)) server.link = undefined;
    } else if (!quiet && chance(0.01)) link.wake(now);
    else if (!quiet && chance(0.2)) {
      const name = `${made++}`;
      const type = ["call", "send", "signal"][Math.floor(random() * 3)] as string;
      const outcome: string[] = [];
      if (type !== "signal") outcomes.set(name, outcome);
      if (type === "call") repeated.add(name);
      const settle: Outgoing["settle"] = (_ok, error) => outcome.push(error?.code ?? "ok");
      link.request({ body: { type, name, n: made }, repeat: type === "call", settle });
    } else if (!quiet && chance(0.15) && server.link) server.say({ type: "message", n: server.pushes++ });
    else if (chance(0.4) && server.link && server.link.open.length > 0) {
      const [id] = server.link.open.splice(Math.floor(random() * server.link.open.length), 1);
      server.say({ re: id, ok: {} });
    } else if (chance(0.5) && up.length > 0) server.take(up.shift() as Json, down);
    else if (down.length > 0) link.frame(attempt, down.shift() as Json, now);
    else if (link.nextDeadline <= now || (quiet && !open)) link.tick(now);
    while (quiet && up.length > 0) server.take(up.shift() as Json, down);
  }
  expect(ended).toBe(false);
  expect(heard).toEqual([...new Set(heard)].sort((a, b) => a - b));
  const times = (name: string) => server.executed.filter((one) => one === name).length;
  for (const [name, outcome] of outcomes) {
    expect(outcome.length).toBe(1);
    if (!repeated.has(name)) expect(times(name)).toBeLessThan(2);
    if (outcome[0] === "ok") expect(times(name)).toBeGreaterThan(0);
  }
  if (server.links > 1) return;
  // Never forgotten: everything once, in order, and every push.
  expect(server.executed).toEqual([...Array(made).keys()].map(String));
  expect(heard.length).toBe(server.pushes);
}

test("300 random lives: nothing lost or doubled on a link, each request settles once", () => {
  for (let seed = 1; seed <= 300; seed++) {
    try {
      live(seed);
    } catch (error) {
      throw new Error(`seed ${seed}: ${error}`, { cause: error });
    }
  }
});
