import type { Deadline } from "../../shared/deadlines.ts";
import type { Identity } from "../../signaling/ports.ts";
import { cameraTopic } from "./cameras/camera-topics.ts";
import type { CameraClient } from "./cameras/cameras.ts";
import type { ConnectionHost, Wire } from "./connection-host.ts";
import type { DeviceTree } from "./device-tree.ts";
import { NativeTopics } from "./native-topics.ts";
import type { ClientPacket, Connect, Publish, ServerPacket, Version, Will } from "./packets.ts";
import { reasons } from "./reason-codes.ts";
import type { SessionOutlet } from "./session.ts";
import { type SignedIn, signIn } from "./sign-in.ts";
import { isTopicName, type TopicDevice, treeOf } from "./topics.ts";
import type { TreeSession } from "./tree-session.ts";

/** Packets that may come behind CONNECT before its credentials were looked at. */
const mostEarly = 16;

/**
 * One network connection, from CONNECT to its end:
 *
 *     silent ──CONNECT──▶ verifying ──CONNACK──▶ live ──▶ closed
 */
export class ClientConnection implements SessionOutlet {
  readonly wire: Wire;
  readonly #endpoint: ConnectionHost;
  #phase: "silent" | "verifying" | "live" | "closed" = "silent";
  version: Version = 4;
  receiveMaximum = 65_535;
  #maximumPacket = 0;
  #session: TreeSession | undefined;
  #native: NativeTopics | undefined;
  #will: Will | undefined;
  #expiry = 0;
  #keepAlive = 0;
  #lastHeard: number;
  #deadline: Deadline | undefined;
  /** What came behind CONNECT while its credentials were looked at. */
  #early: { readonly packet: ClientPacket; readonly came: number }[] = [];
  identity: Identity | undefined;
  device: TopicDevice | undefined;
  /** The same with the session, where the client may turn out to be a camera. */
  #client: CameraClient | undefined;

  constructor(endpoint: ConnectionHost, wire: Wire, now: number) {
    this.#endpoint = endpoint;
    this.wire = wire;
    this.#lastHeard = now;
    const { connectTimeout } = endpoint.limits;
    this.#deadline = endpoint.after(connectTimeout, now, (later) => this.#end(later));
  }

  get closed(): boolean {
    return this.#phase === "closed";
  }

  /** Where packets may come that are not CONNECT. */
  get greeted(): boolean {
    return this.#phase !== "silent";
  }

  // SessionOutlet

  get buffered(): number {
    return this.wire.buffered;
  }

  send(packet: ServerPacket): boolean {
    if (this.closed) return false;
    // Of what the client can't take nothing is sent (MQTT 5.0 §3.1.2.11.4).
    if (
      this.#maximumPacket > 0 &&
      packet.type === "publish" &&
      packet.payload.length > this.#maximumPacket - 64
    )
      return true;
    this.#endpoint.traffic.count("sent");
    return this.wire.send(packet, this.version);
  }

  publishText(topic: string, text: string, id: number): boolean {
    if (this.closed || (this.#maximumPacket > 0 && text.length > this.#maximumPacket - 64)) return false;
    this.#endpoint.traffic.count("sent");
    return this.wire.publishText(topic, text, id, this.version);
  }

  // Input

  /** One packet. `came`: when it came, where it has waited since. */
  receive(packet: ClientPacket, now: number, came: number): void {
    this.#lastHeard = now;
    if (this.closed) return;
    if (packet.type === "connect") {
      if (this.#phase === "silent") this.#connect(packet, now);
      else this.disconnect(reasons.protocolError, now, "a second CONNECT");
      return;
    }
    if (this.#phase === "verifying") {
      // A client need not wait for CONNACK (MQTT 5.0 §3.1.4).
      if (this.#early.length < mostEarly) this.#early.push({ packet, came });
      else this.disconnect(reasons.protocolError, now, "wait for CONNACK");
      return;
    }
    const session = this.#session;
    if (session === undefined) {
      this.disconnect(reasons.protocolError, now, "the first packet is CONNECT");
      return;
    }
    switch (packet.type) {
      case "publish":
        this.#publish(packet, session, now, came);
        break;
      case "puback":
        session.session.acknowledged(packet.id, now);
        break;
      case "pubrec":
        // No message of QoS 2 was sent.
        if (packet.reason < 0x80) this.send({ type: "pubrel", id: packet.id, reason: reasons.idNotFound });
        break;
      case "pubcomp":
        break;
      case "pubrel": {
        const known = session.session.taken.delete(packet.id);
        const reason = known ? reasons.success : reasons.idNotFound;
        this.send({ type: "pubcomp", id: packet.id, reason });
        break;
      }
      case "subscribe":
        this.#subscribe(packet, session, now);
        break;
      case "unsubscribe": {
        const codes = packet.filters.map((filter) => session.session.unsubscribe(filter));
        this.send({ type: "unsuback", id: packet.id, reasons: codes });
        if (this.#client !== undefined)
          for (const filter of packet.filters) this.#endpoint.cameras.unsubscribed(this.#client, filter, now);
        break;
      }
      case "pingreq":
        this.send({ type: "pingresp" });
        break;
      case "disconnect":
        if (packet.reason !== reasons.withWill) this.#will = undefined;
        // A session that was to end with its connection can't be kept after all (MQTT 5.0 §3.14.2.2.2).
        if (packet.sessionExpiry !== undefined && this.#expiry > 0)
          this.#expiry = this.#endpoint.expiry(packet.sessionExpiry);
        this.wire.close();
        // A client that leaves and takes its session with it ends its link.
        this.#end(now, packet.reason === reasons.success && this.#expiry === 0 ? 1000 : 1006);
        break;
      case "auth":
        this.disconnect(reasons.protocolError, now, "no enhanced authentication is under way");
    }
  }

  /** The stream can't be read on. */
  unreadable(reason: number, text: string, now: number): void {
    this.#endpoint.traffic.count("malformed");
    this.disconnect(reason, now, text);
  }

  /** Ends the connection, and tells the client why as far as its version can. */
  disconnect(reason: number, now: number, text: string): void {
    if (this.closed) return;
    if (this.#phase === "live" && this.version === 5) this.send({ type: "disconnect", reason, text });
    this.wire.close();
    this.#end(now);
  }

  /** The connection is gone. */
  lost(now: number): void {
    this.#end(now);
  }

  // CONNECT

  #connect(packet: Connect, now: number): void {
    const endpoint = this.#endpoint;
    this.#phase = "verifying";
    this.version = packet.version;
    const { clientId, username, password } = packet;
    if (packet.authenticationMethod !== undefined) {
      this.#refuse(reasons.badAuthenticationMethod, "there is no enhanced authentication", now);
      return;
    }
    if (clientId === "" && !packet.clean && packet.version < 5) {
      this.#refuse(reasons.clientIdInvalid, "a client without an id needs a clean session", now);
      return;
    }
    const wait = endpoint.traffic.credentialsAfter(this.wire.address, now);
    if (endpoint.draining || wait > 0) {
      this.#refuse(reasons.busy, wait > 0 ? `try again in ${wait} s` : "the server is being drained", now);
      return;
    }
    const { certificate } = this.wire;
    signIn({ clientId, username, password, certificate }, endpoint.ports, now, (result, later) => {
      if (this.#phase === "verifying") this.#admit(packet, result, later);
    });
  }

  #admit(packet: Connect, result: SignedIn, now: number): void {
    const endpoint = this.#endpoint;
    if ("reason" in result) {
      if (result.reason !== reasons.unavailable) endpoint.traffic.credentialsRefused(this.wire.address, now);
      this.#refuse(result.reason, result.text, now);
      return;
    }
    const { identity, device } = result;
    if (endpoint.ports.stale(identity, now)) {
      this.#refuse(reasons.notAuthorized, "these credentials are not valid any more", now);
      return;
    }
    const path = treeOf(device);
    const { will } = packet;
    if (
      will !== undefined &&
      (!isTopicName(will.topic) || !isOwn(will.topic, { prefix: `${path}/`, in: `${path}/in` }))
    ) {
      this.#refuse(reasons.notAuthorized, "the topic of the Will is not this device's", now);
      return;
    }
    const assigned = packet.clientId === "" ? endpoint.ports.random(9) : undefined;
    const opened = endpoint.openSession(device, assigned ?? packet.clientId, packet.clean, this, now);
    if (opened === undefined) {
      this.#refuse(reasons.quotaExceeded, "the device has too many client ids", now);
      return;
    }
    this.#phase = "live";
    this.identity = identity;
    this.device = device;
    this.#session = opened.held;
    this.#client = { session: opened.held.session, device, identity };
    this.#will = will;
    this.receiveMaximum = packet.receiveMaximum;
    this.#maximumPacket = packet.maximumPacket;
    const wanted = packet.version === 5 ? packet.sessionExpiry : packet.clean ? 0 : 0xff_ff_ff_ff;
    this.#expiry = endpoint.expiry(wanted);
    const keepAlive = this.#keepAliveOf(packet);
    this.#keepAlive = keepAlive * 1_500;
    this.#deadline?.cancel();
    this.#watch(now);
    this.send({
      type: "connack",
      sessionPresent: opened.present,
      reason: reasons.success,
      ...(packet.version === 5 && { properties: this.#told(packet, keepAlive, assigned, path) }),
    });
    opened.held.session.attached(this, now);
    const early = this.#early;
    this.#early = [];
    for (const { packet: next, came } of early) this.receive(next, now, came);
  }

  #told(packet: Connect, keepAlive: number, assigned: string | undefined, path: string) {
    const { limits } = this.#endpoint;
    const expiry = this.#expiry / 1_000;
    return {
      receiveMaximum: limits.received,
      maximumPacketSize: limits.packetBytes,
      topicAliasMaximum: 0,
      sharedSubscriptionAvailable: false,
      ...(expiry !== packet.sessionExpiry && { sessionExpiryInterval: expiry }),
      ...(keepAlive !== packet.keepAlive && { serverKeepAlive: keepAlive }),
      ...(assigned !== undefined && { assignedClientIdentifier: assigned }),
      ...(packet.wantsResponseInformation && { responseInformation: `${path}/` }),
    };
  }

  /** s */
  #keepAliveOf({ version, keepAlive }: Connect): number {
    const most = Math.min(65_535, Math.floor(this.#endpoint.limits.keepAlive / 1_000));
    if (version < 5) return keepAlive;
    return keepAlive === 0 ? most : Math.min(keepAlive, most);
  }

  #refuse(reason: number, text: string, now: number): void {
    this.send({ type: "connack", sessionPresent: false, reason, text });
    this.wire.close();
    this.#end(now);
  }

  // Messages

  #publish(packet: Publish, held: TreeSession, now: number, came: number): void {
    const { session } = held;
    const { qos, id, topic } = packet;
    if (packet.topicAlias !== undefined) {
      this.disconnect(reasons.topicAliasInvalid, now, "there are no topic aliases");
      return;
    }
    if (!isTopicName(topic)) {
      this.disconnect(reasons.topicInvalid, now, "not a topic name");
      return;
    }
    if (qos === 2) {
      if (session.taken.has(id)) {
        this.send({ type: "pubrec", id, reason: reasons.success });
        return;
      }
      if (session.taken.size >= this.#endpoint.limits.received) {
        this.disconnect(reasons.receiveMaximumExceeded, now, "too many messages of QoS 2 are unfinished");
        return;
      }
    }
    const reason = this.#route(packet, held, now, came);
    if (this.closed) return;
    if (qos === 1) this.send({ type: "puback", id, reason });
    if (qos === 2) {
      if (reason < 0x80) session.taken.add(id);
      this.send({ type: "pubrec", id, reason });
    }
  }

  /** Takes a message where it belongs, and answers the reason code of its acknowledgement. */
  #route(packet: Publish, held: TreeSession, now: number, came: number): number {
    const { tree, session } = held;
    const isCameras = this.#client !== undefined && this.#camera(packet, this.#client, now);
    if (!isOwn(packet.topic, tree)) return isCameras ? reasons.success : reasons.notAuthorized;
    if (packet.topic === tree.out) return this.#frame(packet, held, now, came);
    const { receivers, full } = tree.publish(packet, session, now);
    if (full) return reasons.quotaExceeded;
    return receivers > 0 || isCameras ? reasons.success : reasons.noMatchingSubscribers;
  }

  /** True for a message of a camera's, which is none of the native protocol. */
  #camera({ topic, payload }: Publish, client: CameraClient, now: number): boolean {
    const meaning = cameraTopic(topic, client.device);
    const text = meaning && this.#endpoint.readText(payload);
    if (meaning === undefined || text === undefined) return false;
    this.#endpoint.cameras.heard(client, meaning, text, now);
    return true;
  }

  #frame({ payload, dup }: Publish, { session }: TreeSession, now: number, came: number): number {
    const { device, identity } = this;
    const text = this.#endpoint.readText(payload);
    if (text === undefined || device === undefined) return reasons.implementationSpecific;
    // Nothing could be told to the device.
    if (!session.hearsFrames) return reasons.noMatchingSubscribers;
    this.#native ??= new NativeTopics(
      this.#endpoint.ports.open,
      {},
      { ...device, identity },
      {
        send: (frame) => session.outlet === this && session.sendFrame(frame, this.#endpoint.ports.now()),
        get buffered() {
          return session.buffered;
        },
      },
      session.newestHello,
    );
    this.#native.receive(text, dup, now, came);
    return reasons.success;
  }

  #subscribe(
    { id, subscriptions }: Extract<ClientPacket, { type: "subscribe" }>,
    { session, tree }: TreeSession,
    now: number,
  ): void {
    const results = subscriptions.map((subscription) => session.subscribe(subscription));
    const codes = results.map(({ reason }) => (this.version < 5 && reason >= 0x80 ? 0x80 : reason));
    this.send({ type: "suback", id, reasons: codes });
    for (const [at, subscription] of subscriptions.entries()) {
      const { reason, isNew } = results[at] ?? { reason: reasons.unspecified, isNew: false };
      const { retainHandling } = subscription;
      if (reason < 0x80 && (retainHandling === 0 || (retainHandling === 1 && isNew)))
        tree.sendRetained(session, subscription, now);
      if (reason < 0x80 && this.#client !== undefined)
        this.#endpoint.cameras.subscribed(this.#client, subscription.filter, now);
    }
  }

  // The end

  #watch(now: number): void {
    if (this.#keepAlive === 0) return;
    const due = (later: number): void => {
      if (later - this.#lastHeard >= this.#keepAlive)
        this.disconnect(reasons.keepAliveTimeout, later, "nothing was heard for one and a half keep-alives");
      else this.#watch(later);
    };
    this.#deadline = this.#endpoint.after(this.#lastHeard + this.#keepAlive - now, now, due);
  }

  /** `code`: what the end is to the native protocol. */
  #end(now: number, code = 1006): void {
    if (this.closed) return;
    const silent = this.#phase === "silent";
    this.#phase = "closed";
    this.#deadline?.cancel();
    if (silent) this.wire.close();
    this.#native?.lost(code, now);
    this.#endpoint.closed(this, this.#session, this.#expiry, this.#will, now);
  }
}

/** True for a topic that the device may publish to: its own, other than what the server says there. */
function isOwn(topic: string, tree: Pick<DeviceTree, "prefix" | "in">): boolean {
  return topic.startsWith(tree.prefix) && topic !== tree.in;
}
