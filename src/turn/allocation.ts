import { channelDataLength, channelHeaderBytes, writeChannelHeader } from "../wire/stun/channel-data.ts";
import type { Family } from "../wire/stun/transport-address.ts";
import type { Identity } from "./authentication.ts";
import type { Client } from "./client.ts";
import { dataIndication } from "./data-indication.ts";
import { type Channel, channelLife, channelRest, type Permission, permissionLife } from "./permission.ts";
import type { Lease } from "./quotas.ts";
import type { Relay } from "./relay.ts";
import type { Traffic } from "./traffic.ts";

/**
 * An allocation (RFC 8656 §3.2): a client's relayed addresses, its permissions and channels, and the path of each packet between
 * client and peers. {@link sweep} removes what has expired, so that nothing here needs to look at the time.
 */
export class Allocation {
  readonly client: Client;
  readonly identity: Identity;
  /** The transaction that made it, by which a retransmission is known. */
  readonly transactionId: Uint8Array;
  readonly lease: Lease;
  readonly openedAt: number;
  expiresAt: number;
  readonly relays: Relay[] = [];
  bytes = 0;
  readonly #traffic: Traffic;
  readonly #permissions = new Map<string, Permission>();
  readonly #channels = new Map<number, Channel>();
  /** Payload bytes per second. */
  readonly #rate: number;
  #budget: number;

  constructor(
    client: Client,
    identity: Identity,
    transactionId: Uint8Array,
    lease: Lease,
    traffic: Traffic,
    now: number,
  ) {
    this.client = client;
    this.identity = identity;
    this.transactionId = transactionId;
    this.lease = lease;
    this.openedAt = now;
    this.expiresAt = now;
    this.#traffic = traffic;
    this.#rate = identity.guest ? traffic.guestRate : traffic.rate;
    this.#budget = this.#rate;
  }

  relayOf(family: Family): Relay | undefined {
    return this.relays.find((relay) => relay.family === family);
  }

  get permissionCount(): number {
    return this.#permissions.size;
  }

  get channelCount(): number {
    return this.#channels.size;
  }

  permission(address: string): Permission | undefined {
    return this.#permissions.get(address);
  }

  /** Makes or renews the permission of an address that the policy allows. */
  permit(address: string, relay: Relay, own: boolean, now: number): Permission {
    let permission = this.#permissions.get(address);
    if (permission === undefined) {
      permission = { address, relay, own, expiresAt: 0, channels: new Map() };
      this.#permissions.set(address, permission);
      // Channels of this address that outlived its last permission work again.
      for (const channel of this.#channels.values())
        if (channel.permission.address === address && channel.expiresAt > now) {
          channel.permission = permission;
          permission.channels.set(channel.port, channel);
        }
    }
    permission.expiresAt = now + permissionLife;
    return permission;
  }

  channel(number: number): Channel | undefined {
    return this.#channels.get(number);
  }

  /** Binds or renews a channel. `permission`: its permission, which has just been renewed. */
  bind(number: number, port: number, permission: Permission, now: number): void {
    let channel = this.#channels.get(number);
    if (channel === undefined) {
      const target = permission.relay.socket.target(port, permission.address);
      channel = { number, port, target, permission, expiresAt: 0 };
      this.#channels.set(number, channel);
    }
    channel.permission = permission;
    channel.expiresAt = now + channelLife;
    permission.channels.set(port, channel);
  }

  /** The number that this peer is bound to, even if the binding has expired and may not be reused yet. */
  channelOf(address: string, port: number): number | undefined {
    for (const channel of this.#channels.values())
      if (channel.port === port && channel.permission.address === address) return channel.number;
    return undefined;
  }

  /** A ChannelData message from the client. May write into the bytes: a hairpin reuses them. */
  fromChannel(message: Uint8Array): void {
    const { stats, relays } = this.#traffic;
    const length = channelDataLength(message);
    if (length === undefined) {
      stats.refuse("malformed");
      return;
    }
    const channel = this.#channels.get(((message[0] ?? 0) << 8) | (message[1] ?? 0));
    // A channel outlives its permission, but doesn't replace it (RFC 8656 §12).
    if (channel === undefined || channel.permission.channels.get(channel.port) !== channel) {
      stats.refuse("no_channel");
      return;
    }
    if (!this.#spend(length)) return;
    stats.toPeerMessages++;
    stats.toPeerBytes += length;
    const { relay, own } = channel.permission;
    const target = own ? relays.find(relay.family, channel.port) : undefined;
    if (own) stats.hairpinMessages++;
    if (target !== undefined) {
      target.allocation.deliver(message, length, relay.address.port, relay.addressText);
      return;
    }
    // Moving the bytes is cheaper than making a view of them.
    message.copyWithin(0, channelHeaderBytes, channelHeaderBytes + length);
    if (own) this.#sendToSibling(relay, message, length, channel.port);
    else if (!relay.socket.sendPart(message, length, channel.target)) stats.refuse("send_failed");
  }

  /** Sends the payload of a Send indication to a peer that the policy allows. */
  sendTo(payload: Uint8Array, port: number, permission: Permission, dontFragment: boolean): void {
    const { stats, relays, scratch } = this.#traffic;
    if (!this.#spend(payload.length)) return;
    stats.toPeerMessages++;
    stats.toPeerBytes += payload.length;
    const { relay, own, address } = permission;
    if (own) {
      stats.hairpinMessages++;
      const target = relays.find(relay.family, port);
      if (target === undefined) {
        this.#sendToSibling(relay, payload, payload.length, port);
        return;
      }
      scratch.set(payload, channelHeaderBytes);
      target.allocation.deliver(scratch, payload.length, relay.address.port, relay.addressText);
      return;
    }
    if (dontFragment) relay.socket.dontFragment?.(true);
    if (!relay.socket.sendPart(payload, payload.length, relay.socket.target(port, address)))
      stats.refuse("send_failed");
    if (dontFragment) relay.socket.dontFragment?.(false);
  }

  /** A datagram that arrived at a relay's socket. */
  fromSocket(bytes: Uint8Array, port: number, address: string): void {
    const { scratch } = this.#traffic;
    scratch.set(bytes, channelHeaderBytes);
    this.deliver(scratch, bytes.length, port, address);
  }

  /** Sends a peer's payload to the client. There must be four bytes of room before it. */
  deliver(frame: Uint8Array, length: number, port: number, address: string): void {
    const { stats } = this.#traffic;
    const permission = this.#permissions.get(address);
    if (permission === undefined) {
      stats.refuse("no_permission");
      return;
    }
    if (!this.#spend(length)) return;
    stats.toClientMessages++;
    stats.toClientBytes += length;
    const channel = permission.channels.get(port);
    let sent: boolean;
    if (channel === undefined) {
      const payload = frame.subarray(channelHeaderBytes, channelHeaderBytes + length);
      const message = dataIndication(permission, port, payload);
      sent = this.client.relay(message, message.length);
    } else {
      writeChannelHeader(frame, channel.number, length);
      sent = this.client.relay(frame, channelHeaderBytes + length);
    }
    if (!sent) stats.refuse("backpressure");
  }

  /** Once a second: removes what has expired. False when the allocation itself has. */
  sweep(now: number): boolean {
    this.#budget = Math.min(this.#budget + this.#rate, 2 * this.#rate);
    if (this.expiresAt <= now) return false;
    for (const [number, channel] of this.#channels) {
      if (channel.expiresAt <= now && channel.permission.channels.get(channel.port) === channel)
        channel.permission.channels.delete(channel.port);
      if (channel.expiresAt + channelRest <= now) this.#channels.delete(number);
    }
    for (const [address, permission] of this.#permissions)
      if (permission.expiresAt <= now) {
        this.#permissions.delete(address);
        permission.channels.clear();
      }
    return true;
  }

  /** Removes a relay, with its permissions and channels. */
  removeRelay(relay: Relay): void {
    this.relays.splice(this.relays.indexOf(relay), 1);
    for (const [number, channel] of this.#channels)
      if (channel.permission.relay === relay) this.#channels.delete(number);
    for (const [address, permission] of this.#permissions)
      if (permission.relay === relay) this.#permissions.delete(address);
  }

  /** Sends to a relayed address of this server that belongs to another worker. */
  #sendToSibling(relay: Relay, bytes: Uint8Array, length: number, port: number): void {
    if (relay.socket.toSibling?.(bytes, length, port) !== true) this.#traffic.stats.refuse("send_failed");
  }

  #spend(length: number): boolean {
    const traffic = this.#traffic;
    if (this.#budget < length) {
      traffic.stats.refuse("rate");
      return false;
    }
    if (traffic.budget < length) {
      traffic.stats.refuse("total_rate");
      return false;
    }
    this.#budget -= length;
    traffic.budget -= length;
    this.bytes += length;
    return true;
  }
}
