import type { PushBody } from "../../protocol/pushes.ts";
import type { Member } from "../../protocol/values.ts";
import type { Device } from "../device.ts";

/** Where a member sits: her device, wherever in the cluster that is. */
export interface Seat {
  readonly user: string;
  readonly device: string;
  readonly kind: string;
  readonly name: string | undefined;
  deliver(push: PushBody, now: number): void;
  /** The member is out of the room and of its lobby, for whatever reason. */
  left(now: number): void;
}

/** The seat of a device of this node. */
export class DeviceSeat implements Seat {
  readonly endpoint: Device;
  readonly left: (now: number) => void;

  constructor(endpoint: Device, left: (now: number) => void) {
    this.endpoint = endpoint;
    this.left = left;
  }

  get user(): string {
    return this.endpoint.user;
  }

  get device(): string {
    return this.endpoint.id;
  }

  get kind(): string {
    return this.endpoint.kind;
  }

  get name(): string | undefined {
    return this.endpoint.name;
  }

  deliver(push: PushBody, now: number): void {
    this.endpoint.link.deliver(push, now);
  }
}

/** What a `join` asks for. */
export interface JoinOptions {
  /** The token lets her moderate this room. */
  readonly moderator: boolean;
  /** She wants a session with every other member who wants it too. */
  readonly mesh: boolean;
  readonly data: unknown;
}

/** What somebody was in a room when another node owned it. */
export interface FormerSeat {
  readonly member: string;
  /** Unknown of a room that was too large for a list. */
  readonly index?: number;
  readonly state: "lobby" | "joined";
}

/** One who joined a room, or waits in its lobby. */
export class RoomMember {
  readonly seat: Seat;
  info: Member;
  moderator: boolean;
  mesh: boolean;

  constructor(id: string, index: number, seat: Seat, join: JoinOptions) {
    const { user, device, kind, name } = seat;
    this.seat = seat;
    this.info = { member: id, index, user, device, kind, ...(name === undefined ? {} : { name }) };
    this.moderator = join.moderator;
    this.mesh = join.mesh;
    this.#setData(join.data);
  }

  get id(): string {
    return this.info.member;
  }

  /** The device's address: a device is one member. */
  get address(): string {
    return `${this.seat.user}/${this.seat.device}`;
  }

  deliver(push: PushBody, now: number): void {
    this.seat.deliver(push, now);
  }

  /** Takes another join of the same member; returns what others were told of this member before, if that has changed. */
  change(join: JoinOptions): Member | undefined {
    const before = this.info;
    this.mesh = join.mesh;
    this.#setData(join.data);
    return JSON.stringify(before) === JSON.stringify(this.info) ? undefined : before;
  }

  #setData(data: unknown): void {
    const { data: _, ...info } = this.info;
    this.info = data === undefined ? info : { ...info, data };
  }
}
