import type { PushBody, PushOf } from "../../protocol/pushes.ts";
import type { PeerInfo, Stats } from "../../protocol/values.ts";
import { type Deadline, dueIn } from "../../shared/deadlines.ts";
import type { Device } from "../device.ts";
import type { LegSnapshot } from "./session-snapshot.ts";

export type Side = "caller" | "callee";

/** What one end of a session is told of the other one's link. */
export type LinkTold = PushOf<"peer">["link"];

/** A request whose reply waits for something else. */
export interface PendingReply {
  /** Who asked; undefined when its link has gone. */
  readonly device: Device | undefined;
  readonly id: number;
}

/**
 * One device's part in a session. It is bound to the device's identity, never to a socket or a link: while the
 * device has no link the leg is *detached*, and a ticket binds it to the device's next one.
 */
export class Leg {
  /** Names the leg within its session; tickets hold it. */
  readonly id: number;
  /** A party of a placed call rings as a callee, and may be the caller once it has accepted. */
  side: Side;
  readonly user: string;
  readonly deviceId: string;
  /** The device as it is signed in; undefined while the leg is detached. */
  device: Device | undefined;
  info: PeerInfo;
  /** The device said that it is alerting its person. */
  alerting = false;
  /** The device has not heard of the session yet: what it hears first describes it as it is then. */
  unaware = false;
  /** The device was told the caller's offer while it rang. */
  offered = false;
  stats: Stats | undefined;
  /** The state of the device's link, as the other end was told last. */
  linkTold: LinkTold = "live";
  /** When a detached leg is given up. */
  lostAt: Deadline | undefined;

  constructor(
    id: number,
    side: Side,
    { user, id: deviceId, info }: Pick<Device, "user" | "id" | "info">,
    device: Device | undefined,
  ) {
    this.id = id;
    this.side = side;
    this.user = user;
    this.deviceId = deviceId;
    this.device = device;
    this.info = info;
  }

  get identity(): { user: string; device: string } {
    return { user: this.user, device: this.deviceId };
  }

  /** Tells the device; a detached leg hears nothing, and asks again when it comes back. */
  deliver(push: PushBody, now: number): void {
    if (!this.unaware) this.device?.link.deliver(push, now);
  }

  bind(device: Device): void {
    this.lostAt?.cancel();
    this.lostAt = undefined;
    this.device = device;
    this.info = device.info;
  }

  snapshot(now: number): LegSnapshot {
    const { id, side, user, deviceId: device, info, alerting, stats } = this;
    const link = this.device?.link.id;
    return { id, side, user, device, info, alerting, stats, link, lostIn: dueIn(this.lostAt, now) };
  }
}
