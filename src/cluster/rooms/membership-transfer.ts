import type { RequestOf } from "../../protocol/requests.ts";
import { utf8Length } from "../../shared/utf8.ts";
import type { Device } from "../../signaling/device.ts";
import { may } from "../../signaling/permissions.ts";
import type { SetRules } from "../../signaling/room/room.ts";
import type { FormerSeat } from "../../signaling/room/room-member.ts";
import type { RoomAsk } from "../items.ts";
import type { Nodes } from "../nodes.ts";
import { keyOf, type Membership, type RemoteRooms } from "./remote-room.ts";
import type { RoomAsking } from "./room-asking.ts";
import type { RoomOwners } from "./room-owners.ts";

/** A membership as it goes along with its device's link to another node. */
export interface MembershipRecord {
  readonly room: string;
  readonly owner: string | undefined;
  readonly mode: RequestOf<"join">["mode"];
  readonly data?: unknown;
  /** Undefined while the device has only asked to join. */
  readonly former?: FormerSeat;
  readonly count: number;
  readonly rules?: SetRules;
  /** Requests without a reply. */
  readonly open: readonly RoomAsk[];
}

export interface MembershipTransferOptions {
  readonly nodes: Nodes;
  readonly owners: RoomOwners;
  readonly remotes: RemoteRooms;
  readonly asking: RoomAsking;
  readonly host: MembershipTransferHost;
}

export interface MembershipTransferHost {
  /** The device's seat in a room of this node, and the number of members. */
  seatHere(device: Device, room: string): { readonly former: FormerSeat; readonly count: number } | undefined;
}

/** Takes the memberships of a device along with its link to another node. */
export class MembershipTransfer {
  readonly #options: MembershipTransferOptions;

  constructor(options: MembershipTransferOptions) {
    this.#options = options;
  }

  /** The other nodes that own rooms of the device. */
  ownersOf(device: Device): string[] {
    const { nodes, remotes } = this.#options;
    const owners = new Set<string>();
    for (const { owner } of remotes.with(device))
      if (owner !== undefined && owner !== nodes.name) owners.add(owner);
    return [...owners];
  }

  /** The device's memberships, for the node that its link moves to. */
  recordsOf(device: Device): MembershipRecord[] {
    const { nodes, remotes, host } = this.#options;
    const records: MembershipRecord[] = [];
    const open = remotes.openOf(device);
    for (const remote of remotes.with(device)) {
      const { room, owner, rules } = remote;
      const { join, former: heard } = remote.members.get(device) as Membership;
      const here = owner === nodes.name ? host.seatHere(device, room) : undefined;
      const former = here?.former ?? heard;
      const asks: RoomAsk[] = [];
      for (const [id, about] of open) {
        const asked = about === remote ? remote.open.get(keyOf(device, id)) : undefined;
        if (asked !== undefined) asks.push(asked.ask);
      }
      records.push({
        room,
        owner,
        mode: join.mode,
        data: join.data,
        ...(former === undefined ? {} : { former }),
        count: here?.count ?? remote.count,
        ...(rules === undefined ? {} : { rules }),
        open: asks,
      });
    }
    return records;
  }

  /** The device has moved to another node: forgets its memberships here. */
  release(device: Device): void {
    const { remotes } = this.#options;
    for (const [id, remote] of remotes.openOf(device)) remotes.closeOpen(remote, device, id);
    for (const remote of remotes.with(device)) remotes.remove(remote, device);
  }

  /** The device has come from another node, with these memberships. */
  adopt(device: Device, records: readonly MembershipRecord[], now: number): void {
    const { owners, remotes, asking } = this.#options;
    for (const { room, owner, mode, data, former, count, rules, open } of records) {
      const remote = remotes.of(room);
      const join = { ...(mode === undefined ? {} : { mode }), data };
      const dataBytes = data === undefined ? 0 : utf8Length(JSON.stringify(data));
      const moderator = may(device, "moderate", room);
      const membership: Membership = { join, dataBytes, moderator, former };
      remotes.enter(remote, device, membership);
      if (former !== undefined) owners.attend(room);
      if (rules !== undefined && rules.at > (remote.rules?.at ?? 0)) remote.rules = rules;
      if (remote.owner === undefined && owner !== undefined && remote.members.size === 1) {
        remote.term = asking.nextTerm();
        remote.owner = owner;
        remote.count = count;
        remote.termConfirmed = true;
      }
      const same = remote.owner === owner;
      for (const ask of open) remotes.keepOpen(remote, device, ask, same);
      if (!same && owner !== undefined) asking.doubt(remote, now, device);
      if (remote.owner === undefined) asking.seek(remote);
      // A join tells the owner where the device is now, and what it last asked for.
      else if (same && (remote.termConfirmed || former === undefined))
        asking.ask(remote, device, { request: remotes.joinAsked(remote, device, membership) }, now);
      else {
        asking.comeBack(remote, device, membership, false, now);
        if (!same)
          for (const open of [...remote.open.values()])
            if (open.device === device) asking.send(remote, remote.owner, device, open.ask, now);
      }
    }
  }
}
