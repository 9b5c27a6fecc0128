import { cameraFilter } from "./cameras/camera-topics.ts";
import type { NewestHello } from "./native-topics.ts";
import type { Message, ServerPacket, Subscription } from "./packets.ts";
import { reasons } from "./reason-codes.ts";
import { isTopicFilter, isWithin, matches, type TopicDevice, treeOf } from "./topics.ts";

/** The network connection of a session. */
export interface SessionOutlet {
  /** Bytes that wait to be sent. */
  readonly buffered: number;
  /** The most messages of QoS 1 that the client takes without an acknowledgement. */
  readonly receiveMaximum: number;
  /** False when the client is too slow, or gone. */
  send(packet: ServerPacket): boolean;
  /** Publishes a text; with QoS 1 where there is an id, and with QoS 0 where that is 0. */
  publishText(topic: string, text: string, id: number): boolean;
}

export interface SessionLimits {
  readonly subscriptions: number;
  readonly inFlight: number;
  readonly queued: number;
}

/** A message on its way to the client. */
interface Outgoing {
  readonly message: Message;
  readonly qos: 0 | 1;
  readonly retain: boolean;
  readonly subscriptionIds: readonly number[];
  readonly expires: number | undefined;
}

/** A frame for `…/in`, which is not sent again by a later connection: the link does that. */
type Frame = string;

/**
 * What the server keeps for a client id: subscriptions, and messages without an acknowledgement (MQTT 5.0 §4.1). It may outlive its
 * network connection.
 */
export class Session {
  readonly clientId: string;
  readonly tree: string;
  /** The topic of frames for the device. */
  readonly #in: string;
  readonly #device: TopicDevice;
  readonly #limits: SessionLimits;
  readonly #subscriptions = new Map<string, Subscription>();
  /** Sent with QoS 1 and not acknowledged: undefined for a frame. */
  readonly #inFlight = new Map<number, Outgoing | undefined>();
  #waiting: (Outgoing | Frame)[] = [];
  #waitingBytes = 0;
  #lastId = 0;
  /** Ids of QoS 2 whose message was taken, and that the client may still send again. */
  readonly taken = new Set<number>();
  readonly newestHello: NewestHello = { instance: "", attempt: 0 };
  outlet: SessionOutlet | undefined;
  /** Bytes that a slow client may have unsent. */
  sendBuffer = 0;
  /** The QoS of frames for the device; undefined where it has not subscribed to them. */
  #frameQos: 0 | 1 | undefined;

  constructor(clientId: string, device: TopicDevice, limits: SessionLimits) {
    this.clientId = clientId;
    this.tree = treeOf(device);
    this.#in = `${this.tree}/in`;
    this.#device = device;
    this.#limits = limits;
  }

  /** True when frames can be told to the device. */
  get hearsFrames(): boolean {
    return this.#frameQos !== undefined;
  }

  /** Bytes that wait in the session or its connection. */
  get buffered(): number {
    return this.#waitingBytes + (this.outlet?.buffered ?? 0);
  }

  /** Adds or replaces a subscription, and answers the reason code of the SUBACK: the QoS that is granted, or why not. */
  subscribe(subscription: Subscription): { readonly reason: number; readonly isNew: boolean } {
    const { filter } = subscription;
    const isNew = !this.#subscriptions.has(filter);
    const refused = (reason: number) => ({ reason, isNew });
    if (filter.startsWith("$share/")) return refused(reasons.sharedNotSupported);
    if (!isTopicFilter(filter)) return refused(reasons.filterInvalid);
    if (!this.reaches(filter)) return refused(reasons.notAuthorized);
    if (isNew && this.#subscriptions.size >= this.#limits.subscriptions)
      return refused(reasons.quotaExceeded);
    this.#subscriptions.set(filter, subscription);
    this.#findFrameQos();
    return { reason: granted(subscription), isNew };
  }

  /** The reason code of the UNSUBACK. */
  unsubscribe(filter: string): number {
    if (!this.#subscriptions.delete(filter)) return reasons.noSubscriptionExisted;
    this.#findFrameQos();
    return reasons.success;
  }

  /** True for filters of the client's own device, and for what cameras subscribe to. */
  reaches(filter: string): boolean {
    return isWithin(filter, this.tree) || cameraFilter(filter, this.#device) !== undefined;
  }

  /** Delivers a message where the session subscribes to it. True when it does. */
  deliver(message: Message, ownPublish: boolean, now: number): boolean {
    let qos: 0 | 1 | undefined;
    let retain = false;
    let ids: number[] = noIds;
    for (const subscription of this.#subscriptions.values()) {
      if ((ownPublish && subscription.noLocal) || !matches(subscription.filter, message.topic)) continue;
      qos = Math.max(qos ?? 0, Math.min(granted(subscription), message.qos)) as 0 | 1;
      retain ||= message.retain && subscription.retainAsPublished;
      if (subscription.id !== undefined) ids = [...ids, subscription.id];
    }
    if (qos === undefined) return false;
    this.#push(outgoing(message, qos, retain, ids, now), now);
    return true;
  }

  /** Delivers a retained message for one subscription (MQTT 5.0 §3.3.1.3). */
  deliverRetained(message: Message, subscription: Subscription, now: number): void {
    if (!matches(subscription.filter, message.topic)) return;
    const qos = Math.min(granted(subscription), message.qos) as 0 | 1;
    this.#push(
      outgoing(message, qos, true, subscription.id === undefined ? [] : [subscription.id], now),
      now,
    );
  }

  /** Publishes a frame on `…/in`. False when it can't be told, or too much waits. */
  sendFrame(text: string, now: number): boolean {
    const { outlet } = this;
    if (outlet === undefined || this.#frameQos === undefined) return false;
    if (this.#frameQos === 0) return outlet.publishText(this.#in, text, 0);
    if (this.#waiting.length === 0 && this.#mayFly(outlet)) return this.#fly(text, outlet, now);
    if (this.#waitingBytes + text.length > this.sendBuffer) return false;
    this.#wait(text);
    return true;
  }

  /** Publishes a text of the server's with QoS 0, at once or not at all. */
  sendText(topic: string, text: string): void {
    this.outlet?.publishText(topic, text, 0);
  }

  /** The client has acknowledged a message. False: there was none of that id. */
  acknowledged(id: number, now: number): boolean {
    if (!this.#inFlight.delete(id)) return false;
    this.#flush(now);
    return true;
  }

  /** A connection took the session over. It gets again what was not acknowledged, with its former id (MQTT 5.0 §4.4). */
  attached(outlet: SessionOutlet, now: number): void {
    this.outlet = outlet;
    for (const [id, one] of this.#inFlight) {
      if (one === undefined) this.#inFlight.delete(id);
      else outlet.send(publishOf(one, id, true, now));
    }
    this.#flush(now);
  }

  /** The connection is gone. Frames that wait are the link's to send again. */
  detached(): void {
    this.outlet = undefined;
    this.#waiting = this.#waiting.filter((one) => typeof one !== "string" && one.qos > 0);
    this.#waitingBytes = this.#waiting.reduce((sum, one) => sum + sizeOf(one), 0);
  }

  #push(one: Outgoing, now: number): void {
    const { outlet } = this;
    if (outlet !== undefined && one.qos === 0 && this.#waiting.length === 0) {
      outlet.send(publishOf(one, 0, false, now));
      return;
    }
    if (outlet !== undefined && this.#waiting.length === 0 && this.#mayFly(outlet)) {
      this.#fly(one, outlet, now);
      return;
    }
    if (outlet === undefined && one.qos === 0) return;
    // What is over the bound is lost, as with every server whose queue is full.
    if (this.#waiting.length >= this.#limits.queued || this.#waitingBytes + sizeOf(one) > this.sendBuffer)
      return;
    this.#wait(one);
  }

  #wait(one: Outgoing | Frame): void {
    this.#waiting.push(one);
    this.#waitingBytes += sizeOf(one);
  }

  #flush(now: number): void {
    const { outlet } = this;
    while (outlet !== undefined && this.#waiting.length > 0 && this.#mayFly(outlet)) {
      const one = this.#waiting.shift() as Outgoing | Frame;
      this.#waitingBytes -= sizeOf(one);
      if (typeof one === "string" || one.expires === undefined || one.expires > now)
        this.#fly(one, outlet, now);
    }
  }

  #mayFly(outlet: SessionOutlet): boolean {
    return this.#inFlight.size < Math.min(outlet.receiveMaximum, this.#limits.inFlight);
  }

  #fly(one: Outgoing | Frame, outlet: SessionOutlet, now: number): boolean {
    if (typeof one !== "string" && one.qos === 0) return outlet.send(publishOf(one, 0, false, now));
    const id = this.#nextId();
    if (typeof one === "string") {
      this.#inFlight.set(id, undefined);
      return outlet.publishText(this.#in, one, id);
    }
    this.#inFlight.set(id, one);
    return outlet.send(publishOf(one, id, false, now));
  }

  #nextId(): number {
    do this.#lastId = (this.#lastId % 65_535) + 1;
    while (this.#inFlight.has(this.#lastId));
    return this.#lastId;
  }

  #findFrameQos(): void {
    const topic = this.#in;
    this.#frameQos = undefined;
    for (const subscription of this.#subscriptions.values())
      if (matches(subscription.filter, topic))
        this.#frameQos = Math.max(this.#frameQos ?? 0, granted(subscription)) as 0 | 1;
  }
}

const noIds: number[] = [];

function granted({ qos }: Subscription): 0 | 1 {
  return qos === 0 ? 0 : 1;
}

function outgoing(
  message: Message,
  qos: 0 | 1,
  retain: boolean,
  subscriptionIds: readonly number[],
  now: number,
): Outgoing {
  const lifetime = message.properties?.messageExpiryInterval;
  return {
    message,
    qos,
    retain,
    subscriptionIds,
    expires: lifetime === undefined ? undefined : now + lifetime * 1_000,
  };
}

function publishOf(
  { message, qos, retain, subscriptionIds, expires }: Outgoing,
  id: number,
  dup: boolean,
  now: number,
): ServerPacket {
  const { topic, payload, properties } = message;
  const plain = { type: "publish", topic, payload, qos, retain, dup, id } as const;
  if (properties === undefined && subscriptionIds.length === 0) return plain;
  const left =
    expires === undefined ? {} : { messageExpiryInterval: Math.max(1, Math.ceil((expires - now) / 1_000)) };
  return {
    ...plain,
    ...(properties && { properties: { ...properties, ...left } }),
    ...(subscriptionIds.length > 0 && { subscriptionIds }),
  };
}

function sizeOf(one: Outgoing | Frame): number {
  return typeof one === "string" ? one.length : one.message.payload.length + one.message.topic.length;
}
