import { createHash } from "node:crypto";
import { answerInPlace } from "../../src/gateways/answer-on-behalf.ts";
import { decodeFrame } from "../../src/protocol/codec.ts";
import { wireError } from "../../src/protocol/error-codes.ts";
import { defaultLimits, type Limits } from "../../src/protocol/limits.ts";
import { silentRequests } from "../../src/protocol/requests.ts";
import { longerThan } from "../../src/shared/utf8.ts";
import { Core } from "../../src/signaling/core.ts";
import type { Grants } from "../../src/signaling/grants.ts";
import type { Ports } from "../../src/signaling/ports.ts";
import { type Vocabulary, validHello, validRequest } from "./frame-grammar.ts";
import { FuzzDevice } from "./fuzz-device.ts";
import { FuzzStreams } from "./fuzz-streams.ts";
import { bytes, mutated, mutatedText } from "./mutation.ts";
import type { Random } from "./random.ts";

/** Small caps, so that they are reached; rates so high that frames get through to what they speak of. */
const limits: Limits = {
  ...defaultLimits,
  requestsPerSecond: 1_000_000,
  requestsBurst: 1_000_000,
  callsPerMinute: 1_000_000,
  callsBurst: 1_000_000,
  sessionsPerDevice: 8,
  sessions: 40,
  ringsPerCallee: 6,
  ringsPerPair: 2,
  devicesPerUser: 3,
  heldCandidates: 20,
  logFrames: 100,
  watches: 6,
  rooms: 3,
  roomSize: 8,
  meshSize: 3,
  roomList: 4,
  roomsTotal: 4,
  keysPerUser: 4,
};

/** Requests whose reply may have to wait for somebody else. */
const patient = new Set(["accept", "move", "refresh"]);
const everything = ["*", "room:*"];
const streams = ["stream:*"];
const grants = {
  ...{ call: everything, send: everything, watch: ["*"], join: everything, moderate: everything },
  ...{ publish: streams, view: streams },
};

const users = ["alice", "bob", "carol", "dave"];
/** Who a token speaks for: all users with every grant, and two with fewer. */
const identities = new Map<string, { user: string; device?: string; grants: Grants }>([
  ...users.map((user) => [user, { user, grants }] as const),
  ["bob, calls only", { user: "bob", grants: { call: ["alice"] } }],
  ["carol's phone", { user: "carol", device: "phone", grants: {} }],
]);

/** What a run of inputs came to. */
export interface Tally {
  inputs: number;
  ok: number;
  errors: number;
  closes: number;
}

/**
 * A core with a dozen devices in random states of the protocol, that are fed whatever the generator makes. Each
 * input must end as the protocol says: a reply, a typed error, or a close; never in an exception or a fault.
 */
export class FuzzWorld {
  readonly tally: Tally = { inputs: 0, ok: 0, errors: 0, closes: 0 };
  now = 1_700_000_000_000;
  /** What is being fed, for the report of a failure. */
  current = "";
  readonly #random: Random;
  /** Of what the core draws, so that it repeats too. */
  readonly #salt: number;
  readonly #core: Core;
  readonly #streams: FuzzStreams;
  readonly #devices: FuzzDevice[] = [];
  readonly #words: { -readonly [name in keyof Vocabulary]: string[] };
  readonly #later: (() => void)[] = [];
  #serial = 0;

  constructor(random: Random) {
    this.#random = random;
    this.#salt = random.int(0, 0x7fffffff);
    this.#words = {
      users: [...users, "nobody"],
      devices: ["phone", "web", "desk", "tv"],
      rooms: ["room:a", "room:b", "room:c"],
      streams: ["stream:a", "stream:b"],
      sessions: [],
      members: [],
      tickets: [],
      tokens: [...identities.keys(), "forged"],
    };
    this.#core = new Core({ node: "n1", limits, ports: this.#ports(), rooms: [] }, this.now);
    this.#streams = new FuzzStreams(this.#core, this.#random, users);
    const remember = (list: string[]) => (text: string) => {
      if (list.includes(text)) return;
      list.push(text);
      if (list.length > 12) list.shift();
    };
    const heard = {
      sessions: remember(this.#words.sessions),
      members: remember(this.#words.members),
      tickets: remember(this.#words.tickets),
    };
    for (const user of users)
      for (const id of this.#words.devices.slice(0, 3)) this.#devices.push(new FuzzDevice(user, id, heard));
  }

  /** Feeds this many inputs. Throws where the core broke a rule. */
  run(inputs: number): void {
    for (let n = 0; n < inputs; n++) this.#step();
  }

  /** Lets all devices go and time pass; throws when anything of them is left. */
  end(): void {
    this.#settleLater();
    this.#streams.end(this.now);
    for (const device of this.#devices) device.connection?.closed(1000, this.now);
    this.#pass(limits.resumeWindow + limits.detachedTimeout + limits.ringTimeoutMax + 10_000);
    const { signals: _, ...left } = this.#core.stats();
    for (const [name, count] of Object.entries(left))
      if (count !== 0) throw new Error(`${count} ${name} are left behind`);
  }

  #step(): void {
    const random = this.#random;
    this.tally.inputs += 1;
    const device = random.pick(this.#devices);
    if (random.chance(0.3)) this.#settleLater();
    if (random.chance(0.1)) this.#streams.act(this.now);
    if (!device.signedIn) this.#signIn(device);
    else if (random.chance(0.015)) this.#lose(device);
    else this.#feed(device);
    this.#pass(random.chance(0.004) ? random.int(100, 20_000) : random.int(0, 20));
    this.#checkCaps();
  }

  #signIn(device: FuzzDevice): void {
    const random = this.#random;
    const connection = device.open(this.#core, this.now);
    if (random.chance(0.85)) device.attempt += 1;
    const hello: Record<string, unknown> = {
      ...(random.chance(0.15) ? validHello(random, this.#words) : { type: "hello", token: device.user }),
      instance: random.chance(0.9) ? device.instance : `another-${random.int(1, 3)}`,
      attempt: device.attempt,
    };
    if (random.chance(0.8)) Object.assign(hello, { token: device.user, device: { id: device.id } });
    if (device.resume !== undefined && random.chance(0.6)) {
      if (random.chance(0.1)) device.lastSeq = random.int(0, 200);
      hello.resume = { ...device.resume, seq: device.lastSeq };
    }
    if (random.chance(0.3)) hello.sessions = [random.pick([...this.#words.tickets, "x"])];
    const text = random.chance(0.1) ? mutated(random, hello) : JSON.stringify(hello);
    this.#receive(device, text);
    this.tally[device.closedWith === undefined ? "ok" : "closes"] += 1;
    if (device.closedWith === undefined && !device.signedIn && random.chance(0.5))
      connection.closed(1006, this.now);
  }

  #lose(device: FuzzDevice): void {
    const code = this.#random.pick([1000, 1001, 1006, 4000]);
    this.current = `close ${code}`;
    device.signedIn = false;
    device.connection?.closed(code, this.now);
    this.tally.closes += 1;
  }

  #feed(device: FuzzDevice): void {
    const random = this.#random;
    if (random.chance(0.002)) {
      this.current = "binary";
      device.connection?.receiveBinary(this.now);
      if (device.closedWith === undefined) throw new Error("a binary frame was taken");
      this.tally.closes += 1;
      return;
    }
    this.#feedText(device, this.#text(device));
  }

  #text(device: FuzzDevice): string {
    const random = this.#random;
    if (random.chance(0.005)) return bytes(random, random.int(0, 400));
    if (random.chance(0.03))
      return JSON.stringify(
        random.pick([
          { type: "ack", seq: random.int(0, device.lastSeq + 1) },
          { type: "ping" },
          { type: "pong" },
        ]),
      );
    const frame = this.#request(device);
    frame.id = random.chance(0.99) ? device.nextId : random.int(1, device.nextId + 2);
    if (random.chance(0.7)) return JSON.stringify(frame);
    return random.chance(0.9) ? mutated(random, frame) : mutatedText(random, JSON.stringify(frame));
  }

  /** What the device would do next, or anything, of a session of its own if it has one. */
  #request(device: FuzzDevice): Record<string, unknown> {
    const random = this.#random;
    const next = random.chance(0.4) ? device.sensible.shift() : undefined;
    if (next !== undefined) return { ...next };
    const own = device.sessions.length > 0 && random.chance(0.9);
    return validRequest(random, own ? { ...this.#words, sessions: device.sessions } : this.#words);
  }

  /** Feeds one text, and holds the outcome against what the codec says of it. */
  #feedText(device: FuzzDevice, text: string): void {
    const expected = device.nextId;
    device.replied.clear();
    device.lastError = undefined;
    const judged = decodeFrame(text);
    this.#receive(device, text);
    const closed = device.closedWith !== undefined;
    if (!judged.ok || longerThan(text, limits.frameBytes)) {
      if (!closed) throw new Error("what is no frame must close the transport");
      this.tally.closes += 1;
      return;
    }
    const frame = judged.value;
    const id = frame.kind === "refused" ? frame.id : frame.kind === "request" ? frame.request.id : 0;
    if (id > expected && !closed) throw new Error("a skipped id must close the transport");
    if (id === expected && !closed) {
      device.nextId = expected + 1;
      const answered = device.replied.has(id);
      const type = frame.kind === "request" ? frame.request.type : "";
      if (frame.kind === "refused" && !answered) throw new Error("a wrong request must be answered");
      if (!answered && !silentRequests.has(type) && !patient.has(type))
        throw new Error(`no reply to ${type}`);
    }
    this.tally[closed ? "closes" : device.lastError === undefined ? "ok" : "errors"] += 1;
  }

  #receive(device: FuzzDevice, text: string): void {
    this.current = text;
    device.connection?.receive(text, this.now);
  }

  #pass(ms: number): void {
    const end = this.now + ms;
    for (let next = this.#core.nextDeadline; next <= end; next = this.#core.nextDeadline) {
      this.now = Math.max(this.now, next);
      this.#core.tick(this.now);
    }
    this.now = end;
    this.#core.tick(end);
  }

  #settleLater(): void {
    for (const settle of this.#later.splice(0)) settle();
  }

  #checkCaps(): void {
    const { linksLive, linksSuspended, sessionsRinging, sessionsActive, rooms } = this.#core.stats();
    const sessions = sessionsRinging + sessionsActive;
    const meshes = limits.roomsTotal * limits.meshSize * limits.meshSize;
    if (linksLive + linksSuspended > this.#words.users.length * limits.devicesPerUser * 4)
      throw new Error("too many links");
    if (sessions > limits.sessions + meshes + FuzzStreams.mostUnlisted)
      throw new Error(`${sessions} sessions`);
    if (rooms > limits.roomsTotal) throw new Error(`${rooms} rooms`);
  }

  #ports(): Ports {
    const digest = (text: string) => createHash("sha256").update(text).digest("base64url");
    return {
      now: () => this.now,
      answerFor: answerInPlace,
      wallAhead: () => 0,
      verify: (token, done) => {
        const verdict = () => {
          const identity = identities.get(token);
          if (identity === undefined) return { ok: false, error: wireError("unauthorized") } as const;
          const value = { ...identity, issuedAt: this.now, expires: this.now + 3_600_000 };
          return { ok: true, value } as const;
        };
        // Keys may have to be fetched: the answer comes now or later.
        if (this.#random.chance(0.8)) done(verdict(), this.now);
        else this.#later.push(() => done(verdict(), this.now));
      },
      iceServers: () => ({ servers: [] }),
      random: (length) => digest(`${this.#salt} ${this.#serial++}`).slice(0, Math.ceil((length * 4) / 3)),
      jitter: () => this.#random.next(),
      hash: digest,
      seal: (text) => `${Buffer.from(text).toString("base64url")}.${digest(text)}`,
      unseal: (sealed) => {
        const [body = "", proof] = sealed.split(".");
        const text = Buffer.from(body, "base64url").toString();
        return proof === digest(text) ? text : undefined;
      },
      emit: (event) => {
        if (event.type === "fault") throw event.error;
      },
    };
  }
}
