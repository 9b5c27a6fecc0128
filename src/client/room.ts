import type { PushOf } from "../protocol/pushes.ts";
import type { ReplyOf } from "../protocol/replies.ts";
import type { Member as WireMember } from "../protocol/values.ts";
import type {
  Call,
  Cancel,
  Ended,
  Events,
  JoinOptions,
  Member,
  Message,
  Peer,
  Room,
  RoomPolicy,
  Sent,
} from "./api.ts";
import { MediaCall } from "./call.ts";
import type { ClientInternals } from "./client-internals.ts";
import { deferred } from "./deferred.ts";
import { dispose, Emitter } from "./emitter.ts";
import { failure } from "./ended.ts";
import { onAbort, SwitchboardError, settled } from "./error.ts";
import type { SourceMedia } from "./local-media.ts";
import { resolveMedia } from "./media.ts";

type RoomEvents = { joined: Member; left: Member; knock: Member; message: Message };
type RoomPush = PushOf<"room"> | PushOf<"admitted"> | PushOf<"knock"> | PushOf<"room_ended">;

/** A room that this client is in, or wants to be in. It joins again by itself on a new link. */
export class JoinedRoom extends Emitter<RoomEvents> implements Room {
  declare readonly name: string;
  declare readonly address: string;
  state: Room["state"] = "joining";
  count = 0;
  readonly members = new Map<string, RoomMember>();
  readonly knocking = new Map<string, RoomMember>();
  moderator = false;
  policy: RoomPolicy = {};
  readonly #client: ClientInternals;
  readonly #options: JoinOptions;
  readonly #ready = deferred<void>();
  readonly ready = this.#ready.promise;
  /** This client's own member id. The server's list has it too. */
  #own = "";
  #version = 0;
  #media: SourceMedia | undefined;
  #closesMedia = false;

  constructor(client: ClientInternals, name: string, options: JoinOptions) {
    super();
    this.#client = client;
    this.name = name;
    this.address = `room:${name}`;
    this.#options = options;
  }

  /** Opens the media first, then joins. */
  async enter(): Promise<void> {
    const { media, signal } = this.#options;
    void this.ended.then(onAbort(signal, () => void this.leave()));
    try {
      if (media) {
        const source = await resolveMedia(media, signal);
        this.#media = source.media;
        this.#closesMedia = source.owned;
      }
      await this.join();
    } catch (error) {
      this.over(failure(error));
    }
    if (this.#left()) this.#closeMedia();
  }

  /** Asks to join; on a new link, again. */
  async join(): Promise<void> {
    if (this.#left()) return;
    const { data, mode = this.#options.media ? "mesh" : undefined } = this.#options;
    const done = (reply: ReplyOf<"join">) => this.#joined(reply);
    await this.#client.ask("join", { room: this.address, mode, data }, { repeat: true, done });
  }

  push(push: RoomPush): void {
    if (this.#left()) return;
    if (push.type === "room_ended") this.over({ reason: push.reason });
    else if (push.type === "knock") this.#knock(push);
    else if (push.type === "admitted") {
      // The server sends a knock again for each member who still waits.
      this.knocking.clear();
      this.#joined({ ...this, ...push, state: "joined" });
    } else if (push.version > this.#version) this.#delta(push);
  }

  /** A message that was sent to the room. */
  told(message: Message): void {
    this.emit("message", message);
  }

  /** A call of the mesh: active at once, without a ring. */
  session(push: PushOf<"session">): void {
    const member = this.#member({ member: push.member ?? "", index: 1, device: "", ...push.peer });
    const call = new MediaCall(this.#client, push.offer ? "out" : "in", push.peer, member.remote);
    call.ofRoom = true;
    call.use(this.#media, false);
    call.become(push.session);
    this.#client.sessions.began(call);
    call.begin(push);
    member.call = call;
    void call.ended.then(() => {
      if (member.call !== call) return;
      member.call = undefined;
      this.changed();
    });
    this.changed();
  }

  over(ended: Ended): void {
    if (this.#left()) return;
    this.state = "left";
    for (const { call } of this.members.values()) void call?.hangup();
    this.#closeMedia();
    this.members.clear();
    this.knocking.clear();
    this.#ready.reject(
      ended.error ?? new SwitchboardError(ended.reason === "refused" ? "refused" : "closed", ended.reason),
    );
    this.finish(ended);
  }

  admit({ id: member }: Member): Promise<void> {
    return settled(this.#client.ask("admit", { room: this.address, member }));
  }

  refuse({ id: member }: Member): Promise<void> {
    return settled(this.#client.ask("refuse", { room: this.address, member }));
  }

  setPolicy(policy: RoomPolicy): Promise<void> {
    return settled(this.#client.ask("policy", { room: this.address, policy }));
  }

  send(body: unknown, { signal }: Cancel = {}): Promise<Sent> {
    return this.#client.ask("send", { to: this.address, body }, { signal });
  }

  async leave(): Promise<void> {
    if (this.#left()) return;
    this.over({ reason: "left", by: this.#client.self });
    await this.#client.say("leave", { room: this.address });
  }

  [dispose](): Promise<void> {
    return this.leave();
  }

  protected override present(type: keyof Events<RoomEvents>): Iterable<unknown> {
    return type === "joined" ? this.members.values() : type === "knock" ? this.knocking.values() : [];
  }

  #closeMedia(): void {
    if (this.#closesMedia) this.#media?.stop();
  }

  #left(): boolean {
    return this.state === "left";
  }

  #joined(reply: ReplyOf<"join">): void {
    if (this.#left()) return;
    this.#own = reply.member;
    this.#version = reply.version;
    this.count = reply.count;
    this.moderator = reply.moderator;
    this.policy = reply.policy;
    this.#list(reply.members);
    this.state = reply.state;
    if (reply.state === "joined") this.#ready.resolve();
    this.changed();
  }

  #delta({ version, count, joined = [], left = [], policy }: PushOf<"room">): void {
    this.#version = version;
    this.count = count;
    if (policy) this.policy = policy;
    for (const id of left) this.#gone(id);
    for (const member of joined) this.#member(member);
    this.changed();
  }

  /** Takes the whole list of members. */
  #list(members: readonly WireMember[]): void {
    const now = new Set(members.map(({ member }) => member));
    for (const id of [...this.members.keys()]) if (!now.has(id)) this.#gone(id);
    for (const member of members) this.#member(member);
  }

  #member(wire: WireMember): RoomMember {
    const known = this.members.get(wire.member);
    if (known) {
      known.data ??= wire.data;
      return known;
    }
    const member = new RoomMember(this.#client, wire);
    if (wire.member !== this.#own) {
      this.knocking.delete(wire.member);
      this.members.set(wire.member, member);
      this.emit("joined", member);
    }
    return member;
  }

  #gone(id: string): void {
    const member = this.members.get(id);
    if (!member) return;
    this.members.delete(id);
    this.emit("left", member);
  }

  #knock({ member: wire, gone }: PushOf<"knock">): void {
    if (gone) this.knocking.delete(wire.member);
    else {
      const member = new RoomMember(this.#client, wire);
      this.knocking.set(wire.member, member);
      this.emit("knock", member);
    }
    this.changed();
  }
}

/** A member. Its stream is made on demand: a room without media needs no WebRTC. */
class RoomMember implements Member {
  declare readonly id: string;
  declare readonly peer: Peer;
  declare data: unknown;
  declare call: Call | undefined;
  #remote: MediaStream | undefined;
  readonly #client: ClientInternals;

  constructor(client: ClientInternals, { member, user, device, kind, name, data }: WireMember) {
    this.#client = client;
    this.id = member;
    this.peer = { user, device, kind, name };
    this.data = data;
  }

  get remote(): MediaStream {
    this.#remote ??= this.#client.newStream();
    return this.#remote;
  }
}
