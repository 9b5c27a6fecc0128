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

export interface MembershipTransferOptions {
  readonly nodes: Nodes;
  readonly owners: RoomOwners;
  readonly remotes: RemoteRooms;
  readonly asking: RoomAsking;
  readonly host: MembershipTransferHost;
}

export interface MembershipTransferHost {
  /** What a device is in a room of this node, and how many others are. */
  seatHere(device: Device, room: string): { readonly former: FormerSeat; readonly count: number } | undefined;
}

/** The memberships that go along with a link to another node: they are packed up here, and unpacked there. */
export class MembershipTransfer {
  readonly #options: MembershipTransferOptions;

  constructor(options: MembershipTransferOptions) {
    this.#options = options;
  }

  /** The other nodes that own rooms that the device is in. */
  ownersOf(device: Device): string[] {
    const { nodes, remotes } = this.#options;
    const owners = new Set<string>();
    for (const { owner } of remotes.with(device))
      if (owner !== undefined && owner !== nodes.name) owners.add(owner);
    return [...owners];
  }

  /** What the device is in all its rooms, for the node that its link goes to. */
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

  /** The device goes on at another node: it leaves nothing. */
  release(device: Device): void {
    const { remotes } = this.#options;
    for (const [id, remote] of remotes.openOf(device)) remotes.closeOpen(remote, device, id);
    for (const remote of remotes.with(device)) remotes.remove(remote, device);
  }

  /** The device has come from another node, where it was this. */
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
      // Its owner hears where it is now, and what it is to be there.
      else if (same && (remote.termConfirmed || former === undefined))
        asking.ask(
          remote,
          device,
          { request: remotes.joinAsked(remote, device, membership), moderator },
          now,
        );
      else {
        asking.comeBack(remote, device, membership, false, now);
        if (!same)
          for (const open of [...remote.open.values()])
            if (open.device === device) asking.send(remote, remote.owner, device, open.ask, now);
      }
    }
  }
}
