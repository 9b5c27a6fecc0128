import mqtt, { type IClientOptions, type MqttClient } from "mqtt";
import { closeCodes } from "../../../protocol/close-codes.ts";
import type { KnownDevice } from "../../../signaling/ports.ts";
import { NativeTopics, type OpenTransport } from "../native-topics.ts";
import { parseTopic, root } from "../topics.ts";
import { readText } from "./codec.ts";

export interface BridgeOptions {
  readonly url: string;
  readonly username: string;
  readonly password: string;
  /** Prefix of the ids of both clients. */
  readonly clientId: string;
  /** Name of the shared subscription; empty: the broker has none. */
  readonly share: string;
  /** The broker lets a device publish below its own topics alone: a hello needs no token. */
  readonly trustTopics: boolean;
  /** Devices that it holds at most. */
  readonly devices: number;
  /** Bytes that may wait for the broker. */
  readonly sendBuffer: number;
  readonly open: OpenTransport;
  /** The identity of a device whose topics stand for it; undefined for one that may not sign in. */
  identify(user: string, device: string): KnownDevice["identity"];
  /** Runs work for a device, and lets the core do what became due. */
  act(work: (now: number) => void): void;
  /** The broker is there, or is not. */
  changed(online: boolean, why: string): void;
}

/** A device of the broker. */
interface BridgedDevice {
  readonly native: NativeTopics;
  readonly tree: string;
  /** Bytes that were published and that the broker has not acknowledged. */
  unsent: number;
}

/**
 * The server as a client of a broker, by two connections. The first subscribes to `…/out` of all devices, shared with other nodes
 * where the broker can, and looks at hellos alone; the node that takes one *holds* the device: it subscribes to the device's own
 * `…/out` by the second connection, which looks at all other frames, and answers the hello after that. So every frame is taken by the
 * node that holds the device, and by it once. Where the broker is lost, links are suspended, and devices say hello again.
 */
export class BrokerBridge {
  readonly #options: BridgeOptions;
  readonly #helloClient: MqttClient;
  readonly #frameClient: MqttClient;
  readonly #held = new Map<string, BridgedDevice>();
  #online = false;
  /** The trees of devices that were held when the broker was lost: as many as may be held, at most. */
  #lostTrees = new Set<string>();

  constructor(options: BridgeOptions) {
    const { url, username, password, clientId, share } = options;
    this.#options = options;
    const connection = (role: string): IClientOptions => ({
      clientId: `${clientId}-${role}`,
      ...(username !== "" && { username, password }),
      clean: true,
      reconnectPeriod: 1_000,
      connectTimeout: 10_000,
      resubscribe: false,
      queueQoSZero: false,
    });
    this.#helloClient = mqtt.connect(url, connection("hellos"));
    this.#frameClient = mqtt.connect(url, connection("frames"));
    const shared = share === "" ? "" : `$share/${share}/`;
    this.#helloClient.on("connect", () => {
      this.#helloClient.subscribe(`${shared}${root}/+/+/out`, { qos: 1 }, (error) => this.#subscribed(error));
      this.#helloClient.subscribe(`${root}/+/+/state`, { qos: 1 }, () => {});
    });
    this.#helloClient.on("message", (topic, payload) => this.#helloHeard(topic, payload));
    this.#frameClient.on("connect", () => this.#back());
    this.#frameClient.on("message", (topic, payload) => this.#heard(topic, payload));
    this.#frameClient.on("close", () => this.#lost());
    for (const client of [this.#helloClient, this.#frameClient])
      client.on("error", (error) => this.#changed(false, error.message));
    this.#helloClient.on("close", () => this.#changed(false, "the connection is closed"));
  }

  /** Devices that this node holds. */
  get size(): number {
    return this.#held.size;
  }

  get online(): boolean {
    return this.#online;
  }

  async stop(): Promise<void> {
    this.#lost();
    await Promise.all([this.#helloClient.endAsync(true), this.#frameClient.endAsync(true)]);
  }

  #subscribed(error: Error | null): void {
    this.#changed(error === null, error === null ? "subscribed" : error.message);
  }

  #changed(online: boolean, why: string): void {
    if (online === this.#online) return;
    this.#online = online;
    this.#options.changed(online, why);
  }

  /** What the first connection hears: hellos, and the ends of devices. */
  #helloHeard(topic: string, payload: Uint8Array): void {
    const place = parseTopic(topic);
    const text = readText(payload);
    if (place === undefined || text === undefined) return;
    if (place.rest === "state") {
      if (isOffline(text)) this.#left(place.tree);
      return;
    }
    if (place.rest !== "out" || !text.includes('"hello"')) return;
    const { tree, user, device } = place;
    const held = this.#held.get(tree);
    if (held !== undefined) {
      this.#options.act((now) => held.native.receive(text, false, now));
      return;
    }
    if (this.#held.size >= this.#options.devices) return;
    const fresh = this.#hold(tree, user, device);
    this.#frameClient.subscribe(`${tree}/out`, { qos: 1 }, (error) => {
      if (error !== null) this.#held.delete(tree);
      else if (this.#held.get(tree) === fresh)
        this.#options.act((now) => fresh.native.receive(text, false, now));
    });
  }

  #hold(tree: string, user: string, device: string): BridgedDevice {
    const { open, identify, trustTopics, sendBuffer } = this.#options;
    const identity = trustTopics ? identify(user, device) : undefined;
    const held: BridgedDevice = {
      tree,
      unsent: 0,
      native: new NativeTopics(
        open,
        {},
        { user, device, identity },
        {
          send: (text) => {
            if (!this.#frameClient.connected || held.unsent > sendBuffer) return false;
            held.unsent += text.length;
            this.#frameClient.publish(`${tree}/in`, text, { qos: 1 }, () => {
              held.unsent -= text.length;
            });
            return true;
          },
          get buffered() {
            return held.unsent;
          },
        },
        { instance: "", attempt: 0 },
      ),
    };
    this.#held.set(tree, held);
    return held;
  }

  /** A frame of a device that this node holds. Hellos come by the other connection. */
  #heard(topic: string, payload: Uint8Array): void {
    const held = this.#held.get(topic.slice(0, -"/out".length));
    const text = readText(payload);
    if (held === undefined || text === undefined) return;
    this.#options.act((now) => {
      if (!held.native.isHello(text)) held.native.receive(text, false, now);
    });
    if (!held.native.active && !held.native.isHello(text)) this.#drop(held);
  }

  /** The device's Will has come, or the device says that it goes. */
  #left(tree: string): void {
    const held = this.#held.get(tree);
    if (held === undefined) return;
    this.#options.act((now) => held.native.lost(1006, now));
    this.#drop(held);
  }

  #drop(held: BridgedDevice): void {
    this.#held.delete(held.tree);
    if (this.#frameClient.connected) this.#frameClient.unsubscribe(`${held.tree}/out`, () => {});
  }

  /** The broker is gone: so are all transports. */
  #lost(): void {
    const all = [...this.#held.values()];
    this.#held.clear();
    for (const { tree } of all) {
      if (this.#lostTrees.size >= this.#options.devices) break;
      this.#lostTrees.add(tree);
    }
    this.#options.act((now) => {
      for (const held of all) held.native.lost(1006, now);
    });
  }

  /** The broker is back: its devices, which may not have noticed, are to say hello again. */
  #back(): void {
    const text = JSON.stringify({
      close: closeCodes.goingAway.code,
      reason: "the broker was lost: say hello again",
    });
    for (const tree of this.#lostTrees) this.#frameClient.publish(`${tree}/in`, text, { qos: 1 });
    this.#lostTrees.clear();
  }
}

function isOffline(text: string): boolean {
  try {
    return (JSON.parse(text) as { s?: unknown } | null)?.s === "offline";
  } catch {
    return false;
  }
}
