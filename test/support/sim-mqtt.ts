import type { ClientConnection } from "../../src/gateways/mqtt/connection.ts";
import type { Wire } from "../../src/gateways/mqtt/connection-host.ts";
import { MqttGateway } from "../../src/gateways/mqtt/gateway.ts";
import type { ClientPacket, Connect, ServerPacket, Version } from "../../src/gateways/mqtt/packets.ts";
import { defaultMqttLimits, type MqttLimits } from "../../src/gateways/mqtt/settings.ts";
import type { AnyFrame } from "./sim-core.ts";
import { SimCore } from "./sim-core.ts";

/** A core with the MQTT gateway under one simulated clock: packets go in and out as they are, without bytes. */
export class SimMqtt {
  readonly sim: SimCore;
  readonly gateway: MqttGateway;

  constructor(limits: Partial<MqttLimits> = {}, sim = new SimCore()) {
    this.sim = sim;
    this.gateway = new MqttGateway({
      core: sim.core.gateway({ name: "mqtt", asksOffers: false }),
      open: sim.core.open.bind(sim.core),
      limits: { ...defaultMqttLimits, ...limits },
      identify: () => undefined,
      now: () => sim.now,
    });
  }

  /** A client of the device `name`, such as `alice/cam`. Its password is the token of the user. */
  client(name: string, options: Partial<Connect> = {}): SimMqttClient {
    return new SimMqttClient(this, name, options);
  }
}

/** A message that a client got. */
export interface Told {
  readonly topic: string;
  readonly text: string;
  readonly qos: number;
  readonly retain: boolean;
}

/** A client that sends the packets that a test wants, and keeps what it gets. */
export class SimMqttClient implements Wire {
  readonly address = "192.0.2.1";
  readonly certificate = undefined;
  readonly name: string;
  readonly world: SimMqtt;
  buffered = 0;
  open = true;
  readonly packets: ServerPacket[] = [];
  readonly told: Told[] = [];
  readonly #options: Partial<Connect>;
  #connection: ClientConnection;
  #lastId = 0;
  /** The ids of messages of QoS 1 that it has not acknowledged. */
  readonly #unacknowledged: number[] = [];

  constructor(world: SimMqtt, name: string, options: Partial<Connect>) {
    this.world = world;
    this.name = name;
    this.#options = options;
    this.#connection = world.gateway.endpoint.connect(this, world.sim.now);
    this.#connect();
  }

  /** Connects anew, where its connection is gone. */
  again(): this {
    this.open = true;
    this.#connection = this.world.gateway.endpoint.connect(this, this.world.sim.now);
    this.#connect();
    return this;
  }

  #connect(): void {
    const [user = ""] = this.name.split("/");
    this.receive({
      type: "connect",
      version: 5,
      clientId: this.name,
      clean: true,
      keepAlive: 0,
      username: this.name,
      password: user,
      will: undefined,
      sessionExpiry: 0,
      receiveMaximum: 65_535,
      maximumPacket: 0,
      wantsResponseInformation: false,
      authenticationMethod: undefined,
      ...this.#options,
    });
  }

  receive(packet: ClientPacket): void {
    const { sim, gateway } = this.world;
    gateway.act((now) => this.#connection.receive(packet, now, now));
    sim.pass(0);
  }

  subscribe(...filters: string[]): readonly number[] {
    this.receive({
      type: "subscribe",
      id: this.#id(),
      subscriptions: filters.map((filter) => ({
        ...{ filter, qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 },
      })),
    });
    const { reasons = [] } = this.last("suback") as { reasons?: readonly number[] };
    return reasons;
  }

  /** Publishes, and answers the reason of the acknowledgement; undefined for QoS 0. */
  publish(
    topic: string,
    message: string | object,
    qos: 0 | 1 | 2 = 1,
    dup = false,
    retain = false,
  ): number | undefined {
    const payload = Buffer.from(typeof message === "string" ? message : JSON.stringify(message));
    const id = qos === 0 ? 0 : this.#id();
    this.receive({ type: "publish", topic, payload, qos, retain, dup, id });
    if (qos === 2) this.receive({ type: "pubrel", id, reason: 0 });
    if (qos === 0) return undefined;
    const found = this.packets.find(
      (one) => one.type === (qos === 1 ? "puback" : "pubrec") && "id" in one && one.id === id,
    );
    return found !== undefined && "reason" in found ? found.reason : undefined;
  }

  /** The connection breaks. */
  drop(): void {
    this.open = false;
    this.world.gateway.act((now) => this.#connection.lost(now));
    this.world.sim.pass(0);
  }

  /** The client disconnects. */
  disconnect(): void {
    this.receive({ type: "disconnect", reason: 0, sessionExpiry: undefined });
  }

  /** The last packet of that type. */
  last(type: ServerPacket["type"]): ServerPacket {
    const found = this.packets.findLast((one) => one.type === type);
    if (found === undefined) throw new Error(`${this.name} got no ${type}`);
    return found;
  }

  /** What came on topics with this end, as objects. */
  frames(end: string): AnyFrame[] {
    return this.told.filter(({ topic }) => topic.endsWith(end)).map(({ text }) => JSON.parse(text));
  }

  // Wire

  send(packet: ServerPacket, _version: Version): boolean {
    if (!this.open) return false;
    this.packets.push(packet);
    if (packet.type === "publish") {
      const { topic, payload, qos, retain, id } = packet;
      this.#got({ topic, text: Buffer.from(payload).toString(), qos, retain }, id);
    }
    return true;
  }

  publishText(topic: string, text: string, id: number, _version: Version): boolean {
    if (!this.open) return false;
    this.#got({ topic, text, qos: id > 0 ? 1 : 0, retain: false }, id);
    return true;
  }

  close(): void {
    this.open = false;
  }

  #got(told: Told, id: number): void {
    this.told.push(told);
    // After the turn that sends it, as over a network.
    if (told.qos > 0) this.#unacknowledged.push(id);
  }

  /** Acknowledges what came. */
  acknowledge(): void {
    for (const id of this.#unacknowledged.splice(0))
      if (this.open) this.receive({ type: "puback", id, reason: 0 });
  }

  #id(): number {
    this.#lastId = (this.#lastId % 65_535) + 1;
    return this.#lastId;
  }
}
