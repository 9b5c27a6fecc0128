import type { RequestOf } from "../../protocol/requests.ts";
import type { Member } from "../../protocol/values.ts";
import type { Deadline } from "../../shared/deadlines.ts";
import type { Device } from "../../signaling/device.ts";
import type { SetRules } from "../../signaling/room/room.ts";
import type { FormerSeat } from "../../signaling/room/room-member.ts";
import type { RoomAsk } from "../items.ts";
import type { RoomOwners } from "./room-owners.ts";

/** A device's part in a room: what it asks for, and what it is there; undefined before its first reply. */
export interface Membership {
  join: Pick<RequestOf<"join">, "mode" | "data">;
  dataBytes: number;
  moderator: boolean;
  former: FormerSeat | undefined;
  /** It has been taken to an owner that has not told it the room yet: what that said before is not for it. */
  returning?: boolean;
  /** It is not in, as its client knows, and the owner has said something to it: that may have a seat for it. */
  staleSeat?: boolean;
}

export interface Open {
  readonly device: Device;
  readonly ask: RoomAsk;
  /** It was asked at the device's former node: its reply may come before anything else of the term does. */
  askedElsewhere?: boolean;
}

/** A room that devices of this node are in, or want to be in. */
export class RemoteRoom {
  readonly room: string;
  /** Undefined while it is looked for. */
  owner: string | undefined;
  /** How often an owner was found: what another term's owner says counts no more. */
  term = 0;
  /** What the owner says is of this term by now; what it said before was to one who had given it up. */
  termConfirmed = false;
  /** Members, as last heard. */
  count = 0;
  rules: SetRules | undefined;
  readonly members = new Map<Device, Membership>();
  /** What the owner has not replied to, in the order in which it was asked. */
  readonly open = new Map<string, Open>();
  seeking = false;
  /** The owner that is gone, while another is looked for: silence is not waited for then. */
  dead: string | undefined;
  /** When the owner is looked for again, for it does not answer. */
  again: Deadline | undefined;

  constructor(room: string) {
    this.room = room;
  }

  /** Somebody here is in the room, or in its lobby. */
  get settled(): boolean {
    for (const { former } of this.members.values()) if (former !== undefined) return true;
    return false;
  }
}

/** All rooms that devices of this node have to do with. */
export class RemoteRooms {
  readonly #owners: RoomOwners;
  readonly #remotes = new Map<string, RemoteRoom>();
  readonly #byDevice = new Map<Device, Map<string, Membership>>();
  /** Device → id of a request without a reply → the room that it is about. */
  readonly #open = new Map<Device, Map<number, RemoteRoom>>();

  constructor(owners: RoomOwners) {
    this.#owners = owners;
  }

  /** A copy: they end while one goes through them. */
  all(): RemoteRoom[] {
    return [...this.#remotes.values()];
  }

  get(room: string): RemoteRoom | undefined {
    return this.#remotes.get(room);
  }

  /** The room, known from now on. */
  of(room: string): RemoteRoom {
    let remote = this.#remotes.get(room);
    if (remote === undefined) {
      remote = new RemoteRoom(room);
      this.#remotes.set(room, remote);
    }
    return remote;
  }

  /** The device is in the room, or wants to be. */
  enter(remote: RemoteRoom, device: Device, membership: Membership): void {
    remote.members.set(device, membership);
    const memberships = this.#byDevice.get(device);
    if (memberships === undefined) this.#byDevice.set(device, new Map([[remote.room, membership]]));
    else memberships.set(remote.room, membership);
  }

  /** The device is out of the room. It may have asked to come in again before it heard of that. */
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

  /** Forgets a room that nobody here is in. */
  tidy(remote: RemoteRoom): void {
    if (remote.members.size > 0 || remote.open.size > 0 || this.#remotes.get(remote.room) !== remote) return;
    remote.again?.cancel();
    this.#owners.ignore(remote.room);
    this.#remotes.delete(remote.room);
  }

  /** A copy: they end while one goes through them. */
  with(device: Device): RemoteRoom[] {
    const remotes: RemoteRoom[] = [];
    for (const room of this.#byDevice.get(device)?.keys() ?? []) {
      const remote = this.#remotes.get(room);
      if (remote !== undefined) remotes.push(remote);
    }
    return remotes;
  }

  /** What the device is in each of its rooms. */
  membershipsOf(device: Device): ReadonlyMap<string, Membership> | undefined {
    return this.#byDevice.get(device);
  }

  /** The room that a request without a reply is about. */
  openAt(device: Device, id: number): RemoteRoom | undefined {
    return this.#open.get(device)?.get(id);
  }

  /** The device's requests without a reply. A copy. */
  openOf(device: Device): [id: number, remote: RemoteRoom][] {
    return [...(this.#open.get(device) ?? [])];
  }

  /** The device has asked that, and waits for the reply. */
  keepOpen(remote: RemoteRoom, device: Device, ask: RoomAsk, askedElsewhere = false): void {
    const { id } = ask.request;
    remote.open.set(keyOf(device, id), { device, ask, askedElsewhere });
    const open = this.#open.get(device);
    if (open === undefined) this.#open.set(device, new Map([[id, remote]]));
    else open.set(id, remote);
  }

  /** The device waits for it no longer. */
  closeOpen(remote: RemoteRoom, device: Device, id: number): RoomAsk | undefined {
    const key = keyOf(device, id);
    const open = remote.open.get(key);
    remote.open.delete(key);
    const ids = this.#open.get(device);
    if (ids?.delete(id) && ids.size === 0) this.#open.delete(device);
    return open?.ask;
  }

  /** The device has asked to come in, and has not been replied to. */
  joins(remote: RemoteRoom, device: Device): boolean {
    return this.#lastJoin(remote, device) !== undefined;
  }

  /** What it has asked for last to come in, and has not been replied to. */
  #lastJoin(remote: RemoteRoom, device: Device): RequestOf<"join"> | undefined {
    let last: RequestOf<"join"> | undefined;
    for (const id of this.#open.get(device)?.keys() ?? []) {
      const request = remote.open.get(keyOf(device, id))?.ask.request;
      if (request?.type === "join") last = request;
    }
    return last;
  }

  /** A join by which nothing changes of what it last asked for: without a reply it would not hear of it. */
  joinAsked(remote: RemoteRoom, device: Device, membership: Membership): RequestOf<"join"> {
    return joinAgain(remote.room, this.#lastJoin(remote, device) ?? membership.join);
  }
}

/** The key of an open request in its room. */
export function keyOf(device: Device, id: number): string {
  return `${id} ${device.link.id}`;
}

/** Asks to come in as before. */
export function joinAgain(room: string, { mode, data }: Membership["join"]): RequestOf<"join"> {
  return {
    id: 0,
    type: "join",
    room,
    ...(mode === undefined ? {} : { mode }),
    ...(data === undefined ? {} : { data }),
  };
}

/** What the device of that member was, for another owner. */
export function formerSeat(
  member: string,
  state: FormerSeat["state"],
  members: readonly Member[],
): FormerSeat {
  const index = members.find((one) => one.member === member)?.index;
  return index === undefined ? { member, state } : { member, index, state };
}
