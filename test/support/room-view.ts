import type { PushOf } from "../../src/protocol/pushes.ts";
import type { Member } from "../../src/protocol/values.ts";

type RoomPush = Omit<PushOf<"room">, "seq">;

/** A room as a member sees it who started from a join reply (or `admitted`) and replays the deltas. */
export class RoomView {
  version: number;
  count: number;
  /** Undefined while the room is scoped. */
  members: Map<string, Member> | undefined;

  constructor(state: { version: number; count: number; members: Member[] }) {
    this.version = state.version;
    this.count = state.count;
    this.members = state.members.length === state.count ? byId(state.members) : undefined;
  }

  /** Throws where a delta is missing or doubled. */
  apply(push: RoomPush): void {
    const listed = push.scoped === undefined && this.members !== undefined;
    if (listed && push.version !== this.version + 1)
      throw new Error(`version ${push.version} follows ${this.version}`);
    if (push.version < this.version) throw new Error(`version ${push.version} is older than ${this.version}`);
    this.version = push.version;
    this.count = push.count;
    if (push.scoped === true) this.members = undefined;
    else if (push.scoped === false) this.members = byId(push.joined ?? []);
    else if (this.members !== undefined) {
      for (const member of push.joined ?? []) this.members.set(member.member, member);
      for (const id of push.left ?? [])
        if (!this.members.delete(id)) throw new Error(`${id} left, and was not here`);
    }
    if (this.members !== undefined && this.members.size !== this.count)
      throw new Error(`${this.members.size} listed, ${this.count} counted`);
  }
}

function byId(members: readonly Member[]): Map<string, Member> {
  return new Map(members.map((member) => [member.member, member]));
}
