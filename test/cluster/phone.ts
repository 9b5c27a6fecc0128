import type { Device, DeviceEvents, Frame } from "./device.ts";
import type { Journal } from "./journal.ts";
import { Talk } from "./talk.ts";

/** What a rung device does. */
export type Answering = "accept" | "ring";

/**
 * What an application does with a device: it answers rings, confirms, talks, follows restarts and moves, and resynchronises what
 * its tickets found again. Also keeps what it was told of rooms, messages and presence.
 */
export class Phone implements DeviceEvents {
  readonly device: Device;
  readonly talks = new Map<string, Talk>();
  answering: Answering = "accept";
  /** How long it rings before it accepts, at most; ms. */
  answerWithin = 30;
  /** How often each of its talks sends numbered candidates, ms. */
  pace = 150;
  /** Hears messages: `body`. */
  onMessage: (body: Frame) => void = () => {};
  /** User → the devices of her that it was told last. */
  readonly seen = new Map<string, readonly string[]>();
  /** Users that it watches: asked for again on a new link. */
  watched: readonly string[] = [];
  /** Rooms that it is in: joined again on a new link. */
  rooms: readonly string[] = [];
  onRenewed: () => void = () => {};
  readonly #journal: Journal;
  readonly #random: () => number;

  constructor(device: Device, journal: Journal, random: () => number) {
    this.device = device;
    this.#journal = journal;
    this.#random = random;
    device.events = this;
  }

  /** Calls; resolves to the talk, or to the code of the error. */
  async call(to: string, key: string): Promise<Talk | string> {
    const reply = await this.device.ask("call", { to, key, media: { audio: true }, timeout: 20_000 });
    if (reply.ok === undefined) return reply.error.code as string;
    return this.#talk(reply.ok.session, "caller");
  }

  /** Hangs up, or gives a ring up. The reply is the end for this device (S19). */
  async hangUp(talk: Talk): Promise<void> {
    talk.hush();
    while (talk.state !== "over") {
      const reply = await this.device.ask("hangup", { session: talk.session });
      if (reply.ok !== undefined) talk.end("hangup");
      else if (reply.error.code === "no_session") talk.end("forgotten");
      else if (reply.error.code === "stopped") return;
      else await new Promise((resolve) => setTimeout(resolve, 300));
    }
    this.#tidy();
  }

  watch(users: readonly string[]): void {
    this.watched = users;
    if (users.length > 0) void this.device.ask("watch", { users });
  }

  renewed(found: readonly string[]): void {
    // Of a ring that goes on this device is told anew (S24).
    for (const talk of this.talks.values()) if (!found.includes(talk.session)) talk.end("forgotten");
    this.#tidy();
    this.watch(this.watched);
    for (const room of this.rooms) void this.device.ask("join", { room });
    this.onRenewed();
  }

  push(frame: Frame): void {
    switch (frame.type) {
      case "message":
        this.onMessage(frame.body);
        return;
      case "presence": {
        const devices = frame.devices.map((one: Frame) => one.device as string).sort();
        this.seen.set(frame.user, devices);
        this.#journal.write({ what: "presence", watcher: this.device.name, user: frame.user, devices });
        return;
      }
      case "incoming":
        void this.#rung(frame);
        return;
      case "session":
        this.#recovered(frame);
        return;
      case "accepted":
        void this.#accepted(frame);
        return;
    }
    const talk = this.talks.get(frame.session);
    if (talk === undefined || talk.state === "over") return;
    if (frame.type === "signal") {
      if (frame.description !== undefined) talk.hear(frame.description.sdp);
      for (const { candidate } of frame.candidates ?? []) talk.hear(candidate);
    } else if (frame.type === "restart") talk.stand({ generation: frame.generation });
    else if (frame.type === "resync") talk.describe(talk.pair, talk.generation);
    else if (frame.type === "pair") this.#opens(talk, frame);
    else if (frame.type === "moved") talk.stand({ pair: frame.pair, generation: 1, peer: name(frame.peer) });
    else if (frame.type === "move_failed") talk.describe(talk.pair, talk.generation);
    else if (frame.type === "ended") {
      talk.end(frame.reason);
      this.#tidy();
    }
  }

  #talk(session: string, role: "caller" | "callee"): Talk {
    const known = this.talks.get(session);
    if (known !== undefined && known.state !== "over") return known;
    const talk = new Talk(this.device, this.#journal, session, role, this.pace);
    this.talks.set(session, talk);
    return talk;
  }

  async #rung(frame: Frame): Promise<void> {
    const { session } = frame;
    const talk = this.#talk(session, "callee");
    const { link } = this.device;
    if (frame.movedFrom === undefined) {
      void this.device.ask("ringing", { session });
      if (this.answering === "ring") return;
      await new Promise((resolve) => setTimeout(resolve, this.#random() * this.answerWithin));
      if (talk.state !== "ringing" || this.device.link !== link) return;
    }
    let reply = await this.device.ask("accept", { session });
    for (
      let tries = 0;
      reply.error?.code === "temporary" && talk.state === "ringing" && tries < 100;
      tries++
    ) {
      await new Promise((resolve) => setTimeout(resolve, 300));
      reply = await this.device.ask("accept", { session });
    }
    if (reply.ok === undefined) return;
    const { pair, generation } = reply.ok;
    const peer = name(frame.from);
    const now = this.talks.get(session);
    if (now !== undefined && now !== talk) {
      // The ring was over when the accept arrived: it has taken the move that rings by now.
      this.#takesOver(now, pair, generation, peer);
      return;
    }
    if (frame.movedFrom === undefined) {
      this.#journal.write({ what: "won", device: this.device.name, session });
      talk.stand({ pair, generation, peer });
      return;
    }
    this.#takesOver(talk, pair, generation, peer);
  }

  /** The call moves to this device: the next pair is built with the other end. */
  #takesOver(talk: Talk, pair: number, generation: number, peer: string): void {
    talk.peer = peer;
    talk.pair = pair;
    talk.describe(pair, generation);
    this.device.fire("report", { session: talk.session, stats: { pair, state: "connected" } });
  }

  async #accepted(frame: Frame): Promise<void> {
    const { session, device, pair, generation } = frame;
    const talk = this.talks.get(session) ?? this.#talk(session, "caller");
    let reply = await this.device.ask("confirm", { session, device });
    for (let tries = 0; reply.error?.code === "temporary" && tries < 20; tries++) {
      await new Promise((resolve) => setTimeout(resolve, 300));
      reply = await this.device.ask("confirm", { session, device });
    }
    if (reply.ok === undefined || talk.state === "over") return;
    const peer = name(frame.peer);
    this.#journal.write({ what: "confirmed", device: this.device.name, session, peer });
    talk.stand({ pair, generation, peer });
  }

  /** The other end moves: a second connection is built beside the first. */
  #opens(talk: Talk, { session, pair, generation, peer }: Frame): void {
    talk.peer = name(peer);
    talk.describe(pair, generation);
    this.device.fire("report", { session, stats: { pair, state: "connected" } });
  }

  #recovered(frame: Frame): void {
    const { session, pair, generation, state, direction } = frame;
    const talk = this.#talk(session, direction === "out" ? "caller" : "callee");
    if (state !== "active") return;
    talk.stand({ pair, generation, peer: name(frame.peer) });
    void this.device.ask("resync", { session, pair, generation });
  }

  #tidy(): void {
    for (const [session, talk] of this.talks) if (talk.state === "over") this.talks.delete(session);
  }
}

function name(peer: Frame): string {
  return `${peer.user}/${peer.device}`;
}
