import type { RequestOf } from "../../protocol/requests.ts";
import { utf8Length } from "../../shared/utf8.ts";
import type { Device } from "../device.ts";
import { may } from "../permissions.ts";
import type { SetRules } from "../room.ts";
import type { FormerSeat } from "../room-member.ts";
import type { RoomAsk } from "./node-item.ts";
import type { Nodes } from "./nodes.ts";
import type { RoomAsking } from "./room-asking.ts";
import type { RoomOwners } from "./room-owners.ts";
import { keyOf, type Membership, type RoomTies } from "./room-tie.ts";

/** A membership as it goes along with a link to another node. */
export interface MembershipRecord {
  readonly room: string;
  readonly owner: string | undefined;
  readonly mode: RequestOf<"join">["mode"];
  readonly data?: unknown;
  /** Undefined while it has only asked. */
  readonly former?: FormerSeat;
  readonly count: number;
  readonly rules?: SetRules;
  /** What the owner has not replied to. */
  readonly open: readonly RoomAsk[];
}

export interface RoomLuggageOptions {
  readonly nodes: Nodes;
  readonly owners: RoomOwners;
  readonly ties: RoomTies;
  readonly asking: RoomAsking;
  readonly host: RoomLuggageHost;
}

export interface RoomLuggageHost {
  /** What a device is in a room of this node, and how many others are. */
  seatHere(device: Device, room: string): { readonly former: FormerSeat; readonly count: number } | undefined;
}

/** The memberships that go along with a link to another node: they are packed up here, and unpacked there. */
export class RoomLuggage {
  readonly #options: RoomLuggageOptions;

  constructor(options: RoomLuggageOptions) {
    this.#options = options;
  }

  /** The other nodes that own rooms that the device is in. */
  ownersOf(device: Device): string[] {
    const { nodes, ties } = this.#options;
    const owners = new Set<string>();
    for (const { owner } of ties.with(device))
      if (owner !== undefined && owner !== nodes.name) owners.add(owner);
    return [...owners];
  }

  /** What the device is in all its rooms, for the node that its link goes to. */
  recordsOf(device: Device): MembershipRecord[] {
    const { nodes, ties, host } = this.#options;
    const records: MembershipRecord[] = [];
    const open = ties.openOf(device);
    for (const tie of ties.with(device)) {
      const { room, owner, rules } = tie;
      const { join, former: heard } = tie.members.get(device) as Membership;
      const here = owner === nodes.name ? host.seatHere(device, room) : undefined;
      const former = here?.former ?? heard;
      const asks: RoomAsk[] = [];
      for (const [id, about] of open) {
        const asked = about === tie ? tie.open.get(keyOf(device, id)) : undefined;
        if (asked !== undefined) asks.push(asked.ask);
      }
      records.push({
        room,
        owner,
        mode: join.mode,
        data: join.data,
        ...(former === undefined ? {} : { former }),
        count: here?.count ?? tie.count,
        ...(rules === undefined ? {} : { rules }),
        open: asks,
      });
    }
    return records;
  }

  /** The device goes on at another node: it leaves nothing. */
  release(device: Device): void {
    const { ties } = this.#options;
    for (const [id, tie] of ties.openOf(device)) ties.closeOpen(tie, device, id);
    for (const tie of ties.with(device)) ties.remove(tie, device);
  }

  /** The device has come from another node, where it was this. */
  adopt(device: Device, records: readonly MembershipRecord[], now: number): void {
    const { owners, ties, asking } = this.#options;
    for (const { room, owner, mode, data, former, count, rules, open } of records) {
      const tie = ties.of(room);
      const join = { ...(mode === undefined ? {} : { mode }), data };
      const dataBytes = data === undefined ? 0 : utf8Length(JSON.stringify(data));
      const moderator = may(device, "moderate", room);
      const membership: Membership = { join, dataBytes, moderator, former };
      ties.enter(tie, device, membership);
      if (former !== undefined) owners.attend(room);
      if (rules !== undefined && rules.at > (tie.rules?.at ?? 0)) tie.rules = rules;
      if (tie.owner === undefined && owner !== undefined && tie.members.size === 1) {
        tie.term = asking.nextTerm();
        tie.owner = owner;
        tie.count = count;
        tie.marked = true;
      }
      const same = tie.owner === owner;
      for (const ask of open) ties.keepOpen(tie, device, ask, same);
      if (!same && owner !== undefined) asking.doubt(tie, now, device);
      if (tie.owner === undefined) asking.seek(tie);
      // Its owner hears where it is now, and what it is to be there.
      else if (same && (tie.marked || former === undefined))
        asking.ask(tie, device, { request: ties.joinAsked(tie, device, membership), moderator }, now);
      else {
        asking.comeBack(tie, device, membership, false, now);
        if (!same)
          for (const open of [...tie.open.values()])
            if (open.device === device) asking.send(tie, tie.owner, device, open.ask, now);
      }
    }
  }
}
