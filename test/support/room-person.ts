import { RoomView } from "./room-view.ts";
import type { AnyFrame, SimClient } from "./sim-core.ts";

/** What one client believes of one room, from its replies and pushes alone. */
export class RoomPerson {
  readonly client: SimClient;
  readonly room: string;
  /** Undefined while it is not in. */
  view: RoomView | undefined;
  member = "";
  state: "out" | "lobby" | "joined" = "out";
  ended: string | undefined;
  policy: object = {};
  /** Member → user who knocks. */
  readonly knocks = new Map<string, string>();
  /** Session of the mesh → the user at its other end. */
  readonly sessions = new Map<string, string>();
  /** What it wished for when it last came in: a mesh; and whether its last token lets it moderate. */
  meshWish: boolean | undefined;
  mayModerate: boolean | undefined;
  /** Members that were told to be gone. */
  readonly missed: string[] = [];
  #read = 0;
  readonly #joins = new Map<number, boolean>();
  readonly #leaves = new Set<number>();
  readonly #refreshes = new Map<number, boolean>();

  constructor(client: SimClient, room: string) {
    this.client = client;
    this.room = room;
  }

  ask(type: string, fields: AnyFrame): AnyFrame {
    const here = (fields.room ?? fields.to) === this.room;
    if (type === "join" && here) this.#joins.set(this.client.lastId + 1, fields.mode === "mesh");
    if (type === "refresh") this.#refreshes.set(this.client.lastId + 1, fields.token.includes("moderate"));
    if (type === "leave" && here) this.#leaves.add(this.client.lastId + 1);
    return this.client.ask(type, fields);
  }

  /** The reply to what was asked last. */
  reply(): AnyFrame {
    const { ok, error } = this.client.replyTo(this.client.lastId) ?? {};
    return ok === undefined ? error && { error } : { ok };
  }

  users(): string[] {
    return [...(this.view?.members?.values() ?? [])].map(({ user }) => user).sort();
  }

  meshed(): Set<string> {
    return new Set(this.sessions.values());
  }

  /** Takes in what came since the last call. */
  hear(): void {
    for (; this.#read < this.client.heard.length; this.#read++) this.#frame(this.client.heard[this.#read]);
  }

  #frame(frame: AnyFrame): void {
    const mesh = this.#joins.get(frame.re);
    const moderates = this.#refreshes.get(frame.re);
    if (moderates !== undefined && frame.ok !== undefined) this.mayModerate = moderates;
    if (mesh !== undefined && frame.ok !== undefined) {
      this.meshWish = mesh;
      this.#joined(frame.ok);
    }
    if (this.#leaves.has(frame.re) && frame.ok !== undefined) this.#out();
    else if (frame.type === "ended") this.sessions.delete(frame.session);
    else if (frame.room !== this.room) return;
    else if (frame.type === "room") {
      if (this.view === undefined) throw new Error(`${this.client.user}: a delta, and it is not in`);
      this.missed.push(...(frame.left ?? []));
      this.view.apply(frame);
      this.policy = frame.policy ?? this.policy;
    } else if (frame.type === "admitted") {
      if (this.state === "out") throw new Error(`${this.client.user}: admitted, and it is out`);
      if (this.view !== undefined) this.knocks.clear();
      const before = this.view?.members?.keys() ?? [];
      const now = new Set(frame.members.map(({ member }: AnyFrame) => member));
      for (const member of before) if (!now.has(member)) this.missed.push(member);
      this.#enter(frame);
      this.policy = frame.policy ?? this.policy;
    } else if (frame.type === "room_ended") {
      this.#out();
      this.ended = frame.reason;
    } else if (frame.type === "knock") {
      if (frame.gone) this.knocks.delete(frame.member.member);
      else this.knocks.set(frame.member.member, frame.member.user);
    } else if (frame.type === "session") this.sessions.set(frame.session, frame.peer.user);
  }

  #joined(reply: AnyFrame): void {
    this.ended = undefined;
    this.member = reply.member;
    this.policy = reply.policy;
    if (reply.state === "joined") this.#enter(reply);
    else this.state = "lobby";
  }

  #enter(state: AnyFrame): void {
    this.member = state.member;
    this.state = "joined";
    this.view = new RoomView(state);
  }

  #out(): void {
    this.view = undefined;
    this.state = "out";
    this.knocks.clear();
  }
}
