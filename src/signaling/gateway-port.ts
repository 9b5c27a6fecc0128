import { closeCodes } from "../protocol/close-codes.ts";
import { overLimit, type WireError, wireError } from "../protocol/error-codes.ts";
import type { Limits } from "../protocol/limits.ts";
import type { Request } from "../protocol/requests.ts";
import type { Capabilities } from "../protocol/values.ts";
import type { Deadlines } from "../shared/deadlines.ts";
import { fail, ok, type Result } from "../shared/result.ts";
import { Device, type DeviceOptions, type LinkEnd, type Outcome } from "./device.ts";
import type { DeviceLifecycle } from "./device-lifecycle.ts";
import type { Directory } from "./directory.ts";
import type { Elsewhere } from "./elsewhere.ts";
import type { Identity, Ports } from "./ports.ts";

/** What a gateway says of itself. */
export interface GatewayOptions {
  /** Of its protocol, such as `sip`: one gateway has it. */
  readonly name: string;
  /**
   * Its devices may need the caller's offer to ring (`needsOffer`). Callers without the `watch` grant are then asked for their offer at
   * every call: if they were asked only where such a device rings, they could learn from it which devices there are.
   */
  readonly asksOffers: boolean;
}

/** What the core lends to its gateways. */
export interface GatewayHost {
  readonly limits: Limits;
  readonly ports: Ports;
  readonly deadlines: Deadlines;
  readonly directory: Directory;
  readonly lifecycle: DeviceLifecycle;
  readonly draining: () => boolean;
  /** The devices of all gateways, by the ids of their links. */
  readonly attached: Map<string, Device>;
  readonly elsewhere: Elsewhere;
  /** True for an identity that a kick has made void, or that has expired. */
  stale(identity: Identity, device: string | undefined, now: number): boolean;
  perform(device: Device, request: Request, now: number): Outcome | undefined;
  settle(now: number): void;
}

/**
 * The core's entrance for devices of other protocols. A gateway attaches a device with a `DeviceLink` of its own; from then on
 * the device is in the directory, is rung and is told like every other. The gateway keeps the device's rates, and owns no
 * timer: its deadlines are the core's.
 */
export class GatewayPort {
  readonly name: string;
  readonly #asksOffers: boolean;
  readonly #host: GatewayHost;
  /** Those of this gateway. */
  readonly #attached = new Set<Device>();

  constructor({ name, asksOffers }: GatewayOptions, host: GatewayHost) {
    this.name = name;
    this.#asksOffers = asksOffers;
    this.#host = host;
  }

  get limits(): Limits {
    return this.#host.limits;
  }

  get ports(): Ports {
    return this.#host.ports;
  }

  get deadlines(): Deadlines {
    return this.#host.deadlines;
  }

  get draining(): boolean {
    return this.#host.draining();
  }

  /** Devices that are attached. */
  get size(): number {
    return this.#attached.size;
  }

  /** True for an identity that may not sign in: its token was issued before its user was signed out, or has expired. */
  stale(identity: Identity, now: number, device: string | undefined = identity.device): boolean {
    return this.#host.stale(identity, device, now);
  }

  /** What may be asked of a device, as it said itself; undefined for one that this node does not follow. */
  capabilities(user: string, device: string): Capabilities | undefined {
    return this.#host.directory.device(user, device)?.capabilities;
  }

  /** How many devices of a user this node follows, those of other protocols among them. */
  devicesOf(user: string): number {
    return this.#host.directory.devices(user).length;
  }

  /**
   * Signs a device in. It must not be there already: a gateway detaches the older one of its own first, and never takes the
   * place of a device of another protocol. One that a gateway of another node has is that node's no longer. `made` hears of
   * the device before anything is delivered to it.
   * Throws where the device needs an offer to ring and the gateway has not said that its devices do.
   */
  attach(
    options: Omit<DeviceOptions, "node" | "gateway">,
    now: number,
    made: (device: Device) => void = () => {},
  ): Result<Device, WireError> {
    const { directory, limits, lifecycle, ports, attached, elsewhere } = this.#host;
    if (options.capabilities.needsOffer === true && !this.#asksOffers)
      throw new Error(`gateway ${this.name}: a device needs offers, and asksOffers is false`);
    if (this.draining) return fail(wireError("temporary"));
    const former = directory.device(options.user, options.id);
    if (former !== undefined && !isOfGatewayElsewhere(former))
      return fail(wireError("wrong_state", "the device is signed in by another protocol"));
    if (former === undefined && directory.devices(options.user).length >= limits.devicesPerUser)
      return fail(this.#full("devicesPerUser", "too_many_devices"));
    if (directory.deviceCount >= limits.links) return fail(this.#full("links", "temporary"));
    const device = new Device({ ...options, gateway: this.name });
    // Later than the run that it takes the place of, whatever the clocks say.
    device.stamp = Math.max(elsewhere.time(now), (former?.stamp ?? 0) + 1);
    made(device);
    if (former !== undefined) elsewhere.displaced(former);
    this.#attached.add(device);
    attached.set(device.link.id, device);
    directory.add(device);
    ports.emit({ type: "link_opened", user: device.user, device: device.id, link: device.link.id });
    if (former !== undefined) lifecycle.closed(former, "replaced", now);
    lifecycle.changed(device.user, now);
    lifecycle.opened(device, now);
    return ok(device);
  }

  /** The device is gone. Its legs end when it left by itself, and are detached otherwise. */
  detach(device: Device, why: LinkEnd, now: number): void {
    if (!this.#attached.delete(device)) return;
    const { directory, lifecycle, ports, attached } = this.#host;
    attached.delete(device.link.id);
    directory.remove(device);
    ports.emit({ type: "link_closed", user: device.user, device: device.id, reason: why });
    lifecycle.closed(device, why, now);
    lifecycle.changed(device.user, now);
  }

  /** The device's connection was lost, and it may come back; its peers are told, and it is shown offline. */
  suspend(device: Device, now: number): void {
    const { lifecycle, ports } = this.#host;
    if (!this.#attached.has(device)) return;
    ports.emit({
      type: "link_suspended",
      user: device.user,
      device: device.id,
      code: closeCodes.silent.code,
    });
    device.online = false;
    lifecycle.suspended(device, now);
    lifecycle.changed(device.user, now);
  }

  /** The device is back. */
  resume(device: Device, now: number): void {
    const { lifecycle, ports } = this.#host;
    if (!this.#attached.has(device)) return;
    ports.emit({
      type: "link_resumed",
      user: device.user,
      device: device.id,
      link: device.link.id,
      replayed: 0,
    });
    device.online = true;
    lifecycle.resumed(device, now);
    lifecycle.changed(device.user, now);
  }

  /** Performs a request of the device. Without an outcome the reply comes later, through the device's link. */
  perform(device: Device, request: Request, now: number): Outcome | undefined {
    const outcome = this.#guarded(device, request, now);
    if (outcome !== undefined && "error" in outcome) {
      const { code, limit } = outcome.error;
      this.ports.emit({ type: "request_failed", request: request.type, code });
      if (limit !== undefined) this.ports.emit({ type: "limit", limit });
    }
    return outcome;
  }

  /** Does what an input has made due. To be called after each. */
  settle(now: number): void {
    this.#host.settle(now);
  }

  /** A fault of ours costs this request and nobody else. */
  #guarded(device: Device, request: Request, now: number): Outcome | undefined {
    try {
      return this.#host.perform(device, request, now);
    } catch (error) {
      this.ports.emit({ type: "fault", where: request.type, error });
      return { error: wireError("internal") };
    }
  }

  #full(limit: "devicesPerUser" | "links", code: "too_many_devices" | "temporary"): WireError {
    this.ports.emit({ type: "limit", limit });
    return overLimit(limit, code);
  }
}

function isOfGatewayElsewhere({ node, gateway }: Device): boolean {
  return node !== undefined && gateway !== undefined;
}
