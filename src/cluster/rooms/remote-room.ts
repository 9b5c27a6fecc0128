import type { RequestOf } from "../../protocol/requests.ts";
import type { Member } from "../../protocol/values.ts";
import type { Deadline } from "../../shared/deadlines.ts";
import type { Device } from "../../signaling/device.ts";
import type { SetRules } from "../../signaling/room/room.ts";
import type { FormerSeat } from "../../signaling/room/room-member.ts";
import type { RoomAsk } from "../items.ts";
import type { RoomOwners } from "./room-owners.ts";

/** A device's part in a room. */
export interface Membership {
  /** What the device joined with. */
  join: Pick<RequestOf<"join">, "mode" | "data">;
  dataBytes: number;
  /** The device's token lets it moderate the room, as the owner was told last. */
  moderator: boolean;
  /** The seat that the device has, as a next owner needs to know it; undefined before the first reply. */
  former: FormerSeat | undefined;
  /**
   * The device comes back under another owner. Until the owner has told it of the room, other pushes of the owner are
   * not for it.
   */
  returning?: boolean;
  /**
   * The owner has sent a push though the client believes that it is not in the room: the owner may hold a seat that
   * must go.
   */
  staleSeat?: boolean;
}

/** A request that the owner has not replied to. */
export interface Open {
  readonly device: Device;
  readonly ask: RoomAsk;
  /** The device's former node asked it: the reply may come before the owner confirms this node's term. */
  askedElsewhere?: boolean;
}

/** A room that devices of this node are in, or want to be in. */
export class RemoteRoom {
  readonly room: string;
  /** Undefined while the owner is looked for. */
  owner: string | undefined;
  /** Counts how often an owner was found. What was asked in another term is void. */
  term = 0;
  /**
   * The owner has confirmed the term. What it said before was meant for an earlier one, in which this node had given it
   * up.
   */
  termConfirmed = false;
  /** The number of members, as last heard. */
  count = 0;
  /** What the moderators have set, as last heard. */
  rules: SetRules | undefined;
  /** Devices of this node that are in the room, or have asked to be. */
  readonly members = new Map<Device, Membership>();
  /** Requests without a reply, in the order in which they were made. */
  readonly open = new Map<string, Open>();
  seeking = false;
  /** The owner that has died, while the next one is looked for: if that search times out, no other owner is waited for. */
  dead: string | undefined;
  /** When an owner that does not reply is looked at, or is looked for again. */
  again: Deadline | undefined;

  constructor(room: string) {
    this.room = room;
  }

  /** True when a device of this node is in the room, or in its lobby. */
  get settled(): boolean {
    for (const { former } of this.members.values()) if (former !== undefined) return true;
    return false;
  }
}

/** All rooms that devices of this node are in, or have asked something of. */
export class RemoteRooms {
  readonly #owners: RoomOwners;
  readonly #remotes = new Map<string, RemoteRoom>();
  readonly #byDevice = new Map<Device, Map<string, Membership>>();
  /** Device → id of a request without a reply → its room. */
  readonly #open = new Map<Device, Map<number, RemoteRoom>>();

  constructor(owners: RoomOwners) {
    this.#owners = owners;
  }

  /** A copy: rooms may be forgotten while a caller goes through them. */
  all(): RemoteRoom[] {
    return [...this.#remotes.values()];
  }

  get(room: string): RemoteRoom | undefined {
    return this.#remotes.get(room);
  }

  /** The room, which is known from now on. */
  of(room: string): RemoteRoom {
    let remote = this.#remotes.get(room);
    if (remote === undefined) {
      remote = new RemoteRoom(room);
      this.#remotes.set(room, remote);
    }
    return remote;
  }

  /** The device is in the room, or has asked to be. */
  enter(remote: RemoteRoom, device: Device, membership: Membership): void {
    remote.members.set(device, membership);
    const memberships = this.#byDevice.get(device);
    if (memberships === undefined) this.#byDevice.set(device, new Map([[remote.room, membership]]));
    else memberships.set(remote.room, membership);
  }

  /** The device is out of the room. If it has asked to join again meanwhile, it waits for that. */
  leave(remote: RemoteRoom, device: Device): void {
    const membership = remote.members.get(device);
    if (membership !== undefined && this.joins(remote, device)) membership.former = undefined;
    else this.remove(remote, device);
  }

  remove(remote: RemoteRoom, device: Device): void {
    if (!remote.members.delete(device)) return;
    const memberships = this.#byDevice.get(device);
    memberships?.delete(remote.room);
    if (memberships?.size === 0) this.#byDevice.delete(device);
    this.tidy(remote);
  }

  /** Forgets the room if no device here is in it or waits for a reply. */
  tidy(remote: RemoteRoom): void {
    if (remote.members.size > 0 || remote.open.size > 0 || this.#remotes.get(remote.room) !== remote) return;
    remote.again?.cancel();
    this.#owners.ignore(remote.room);
    this.#remotes.delete(remote.room);
  }

  /** The rooms that the device is in, or has asked to join. A copy. */
  with(device: Device): RemoteRoom[] {
    const remotes: RemoteRoom[] = [];
    for (const room of this.#byDevice.get(device)?.keys() ?? []) {
      const remote = this.#remotes.get(room);
      if (remote !== undefined) remotes.push(remote);
    }
    return remotes;
  }

  /** The device's memberships, by room. */
  membershipsOf(device: Device): ReadonlyMap<string, Membership> | undefined {
    return this.#byDevice.get(device);
  }

  /** The room of a request without a reply. */
  openAt(device: Device, id: number): RemoteRoom | undefined {
    return this.#open.get(device)?.get(id);
  }

  /** The device's requests without a reply. A copy. */
  openOf(device: Device): [id: number, remote: RemoteRoom][] {
    return [...(this.#open.get(device) ?? [])];
  }

  /** The device has made a request, and waits for the reply. */
  keepOpen(remote: RemoteRoom, device: Device, ask: RoomAsk, askedElsewhere = false): void {
    const { id } = ask.request;
    remote.open.set(keyOf(device, id), { device, ask, askedElsewhere });
    const open = this.#open.get(device);
    if (open === undefined) this.#open.set(device, new Map([[id, remote]]));
    else open.set(id, remote);
  }

  /** The device has its reply. Returns what it had asked. */
  closeOpen(remote: RemoteRoom, device: Device, id: number): RoomAsk | undefined {
    const key = keyOf(device, id);
    const open = remote.open.get(key);
    remote.open.delete(key);
    const ids = this.#open.get(device);
    if (ids?.delete(id) && ids.size === 0) this.#open.delete(device);
    return open?.ask;
  }

  /** True when the device has asked to join, and has no reply yet. */
  joins(remote: RemoteRoom, device: Device): boolean {
    return this.#lastJoin(remote, device) !== undefined;
  }

  /** The device's last join without a reply. */
  #lastJoin(remote: RemoteRoom, device: Device): RequestOf<"join"> | undefined {
    let last: RequestOf<"join"> | undefined;
    for (const id of this.#open.get(device)?.keys() ?? []) {
      const request = remote.open.get(keyOf(device, id))?.ask.request;
      if (request?.type === "join") last = request;
    }
    return last;
  }

  /** A join that asks for what the device last asked for, so that it changes nothing of that. */
  joinAsked(remote: RemoteRoom, device: Device, membership: Membership): RequestOf<"join"> {
    return joinAgain(remote.room, this.#lastJoin(remote, device) ?? membership.join);
  }
}

/** The key of an open request in its room. */
export function keyOf(device: Device, id: number): string {
  return `${id} ${device.link.id}`;
}

/** A join on behalf of a device that asks for the same as that one. */
export function joinAgain(room: string, { mode, data }: Membership["join"]): RequestOf<"join"> {
  return {
    id: 0,
    type: "join",
    room,
    ...(mode === undefined ? {} : { mode }),
    ...(data === undefined ? {} : { data }),
  };
}

/** The seat of that member, as another owner needs to know it. */
export function formerSeat(
  member: string,
  state: FormerSeat["state"],
  members: readonly Member[],
): FormerSeat {
  const index = members.find((one) => one.member === member)?.index;
  return index === undefined ? { member, state } : { member, index, state };
}
