import { expect, test } from "bun:test";
import fc from "fast-check";
import { modelTimeout, seed } from "../support/seed.ts";
import { SimMqtt, type SimMqttClient } from "../support/sim-mqtt.ts";

const tree = "sb/1/d/alice/cam";
const ids = ["a", "b", "c"] as const;
const topics = ["t", "s", "u/v"] as const;
const filters = ["t", "s", "+", "#", "u/#", "+/v"] as const;
/** How long a session is kept without a connection. s */
const kept = 60;
const willText = "will of b";

type Act =
  | { readonly do: "connect"; readonly id: string; readonly clean: boolean }
  | { readonly do: "drop" | "disconnect" | "acknowledge"; readonly id: string }
  | { readonly do: "subscribe" | "unsubscribe"; readonly id: string; readonly filter: string }
  | {
      readonly do: "publish";
      readonly id: string;
      readonly topic: string;
      readonly qos: 0 | 1 | 2;
      readonly retain: boolean;
    }
  | { readonly do: "pass"; readonly seconds: number };

const id = fc.constantFrom(...ids);
const act: fc.Arbitrary<Act> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant("connect" as const), id, clean: fc.boolean() }) },
  fc.record({ do: fc.constantFrom("drop" as const, "disconnect" as const, "acknowledge" as const), id }),
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant("subscribe" as const), id, filter: fc.constantFrom(...filters) }),
  },
  fc.record({ do: fc.constant("unsubscribe" as const), id, filter: fc.constantFrom(...filters) }),
  {
    weight: 5,
    arbitrary: fc.record({
      ...{ do: fc.constant("publish" as const), id, topic: fc.constantFrom(...topics) },
      ...{ qos: fc.constantFrom<0 | 1 | 2>(0, 1, 2), retain: fc.boolean() },
    }),
  },
  fc.record({ do: fc.constant("pass" as const), seconds: fc.constantFrom(1, 30, 61) }),
);

/** MQTT's own words on which filters match, for the few that there are here. */
function matches(filter: string, topic: string): boolean {
  const pattern = filter.replace("/#", "(/.*)?").replace(/^#$/, ".*").replace("+", "[^/]+");
  return new RegExp(`^${pattern}$`).test(topic);
}

interface Session {
  connected: boolean;
  readonly filters: Set<string>;
  /** Sent with QoS 1 and not acknowledged, or to be sent once it is connected. */
  unacknowledged: string[];
  goneAt: number;
}

/** What each client must have heard, by the standard: no more, no less, in this order. */
class Reference {
  readonly heard: Record<string, string[]> = { a: [], b: [], c: [] };
  readonly sessions = new Map<string, Session>();
  readonly retained = new Map<string, { text: string; qos: number }>();
  now = 0;

  connect(client: string, clean: boolean): void {
    const former = this.sessions.get(client);
    if (former?.connected === true) this.lost(client);
    if (former !== undefined && !clean) {
      former.connected = true;
      this.heard[client]?.push(...former.unacknowledged);
      return;
    }
    this.sessions.delete(client);
    this.#tidy();
    this.sessions.set(client, { connected: true, filters: new Set(), unacknowledged: [], goneAt: 0 });
  }

  lost(client: string, publishesWill = true): void {
    const session = this.sessions.get(client);
    if (session?.connected !== true) return;
    session.connected = false;
    session.goneAt = this.now + kept * 1_000;
    if (publishesWill && client === "b") this.publish("s", willText, 1, false);
  }

  publish(topic: string, text: string, qos: number, retain: boolean): void {
    if (retain && text === "") this.retained.delete(topic);
    else if (retain) this.retained.set(topic, { text, qos });
    for (const [client, { filters: own }] of this.sessions)
      if ([...own].some((filter) => matches(filter, topic))) this.#give(client, text, Math.min(1, qos));
  }

  subscribe(client: string, filter: string): void {
    this.sessions.get(client)?.filters.add(filter);
    for (const [topic, { text, qos }] of this.retained)
      if (matches(filter, topic)) this.#give(client, text, Math.min(1, qos));
  }

  #give(client: string, text: string, qos: number): void {
    const session = this.sessions.get(client);
    if (session === undefined) return;
    if (session.connected) this.heard[client]?.push(text);
    if (qos > 0) session.unacknowledged.push(text);
  }

  pass(seconds: number): void {
    this.now += seconds * 1_000;
    for (const [client, session] of this.sessions)
      if (!session.connected && session.goneAt <= this.now) this.sessions.delete(client);
    this.#tidy();
  }

  /** What is retained goes with the last session of the device. */
  #tidy(): void {
    if (this.sessions.size === 0) this.retained.clear();
  }
}

test(
  `any history of a device's clients: each hears what it must, once, in order, and again what it has not acknowledged (seed ${seed})`,
  () => {
    fc.assert(
      fc.property(fc.array(act, { maxLength: 60, size: "max" }), (acts) => {
        const world = new SimMqtt();
        const reference = new Reference();
        const clients = new Map<string, SimMqttClient>();
        const live = (client: string) => {
          const one = clients.get(client);
          return one?.open === true ? one : undefined;
        };
        const heard: Record<string, string[]> = { a: [], b: [], c: [] };
        const collect = (client: string, one = clients.get(client)) =>
          heard[client]?.push(...(one?.told.splice(0).map(({ text }) => text) ?? []));
        let count = 0;
        for (const one of acts) {
          if (one.do === "pass") {
            world.sim.pass(one.seconds * 1_000);
            reference.pass(one.seconds);
            continue;
          }
          const client = live(one.id);
          if (one.do === "connect") {
            for (const other of ids) collect(other);
            const will = {
              topic: `${tree}/s`,
              payload: Buffer.from(willText),
              qos: 1,
              retain: false,
              delay: 0,
            } as const;
            clients.set(
              one.id,
              world.client("alice/cam", {
                ...{ clientId: one.id, clean: one.clean, sessionExpiry: kept },
                ...(one.id === "b" && { will }),
              }),
            );
            reference.connect(one.id, one.clean);
          } else if (client !== undefined)
            switch (one.do) {
              case "drop":
                client.drop();
                reference.lost(one.id);
                break;
              case "disconnect":
                client.disconnect();
                reference.lost(one.id, false);
                break;
              case "acknowledge": {
                client.acknowledge();
                const session = reference.sessions.get(one.id);
                if (session !== undefined) session.unacknowledged = [];
                break;
              }
              case "subscribe":
                client.subscribe(`${tree}/${one.filter}`);
                reference.subscribe(one.id, one.filter);
                break;
              case "unsubscribe":
                client.receive({ type: "unsubscribe", id: 9, filters: [`${tree}/${one.filter}`] });
                reference.sessions.get(one.id)?.filters.delete(one.filter);
                break;
              case "publish": {
                count += 1;
                const text = one.retain && count % 4 === 0 ? "" : `${count}`;
                client.publish(`${tree}/${one.topic}`, text, one.qos, false, one.retain);
                reference.publish(one.topic, text, one.qos, one.retain);
                break;
              }
              default:
            }
          for (const other of ids) collect(other);
          expect({ after: one, heard }).toEqual({ after: one, heard: reference.heard });
        }
        for (const one of clients.values()) if (one.open) one.drop();
        world.sim.pass(600_000);
        const { devices, connections } = world.gateway.numbers;
        expect([devices, connections]).toEqual([0, 0]);
      }),
      { seed, numRuns: 120 },
    );
  },
  modelTimeout,
);
