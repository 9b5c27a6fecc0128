import type { Welcome } from "../../protocol/handshake.ts";
import { type Limits, toldLimits } from "../../protocol/limits.ts";
import type { Ports } from "../ports.ts";
import type { LinkEntry } from "./native-link.ts";

/** What became of the sessions of a hello's tickets: ids of those that were found again, and of those that have ended. */
export interface FoundSessions {
  readonly sessions: readonly string[];
  readonly over: readonly string[];
}

export const noSessions: FoundSessions = { sessions: [], over: [] };

/** What the server says first to who has signed in, each time with a new secret. */
export class Welcomes {
  readonly #node: string;
  readonly #ports: Ports;
  readonly #features: () => string[];
  /** The limits that a client must know, made once for all welcomes. */
  readonly #limits: Record<string, number>;

  constructor(node: string, limits: Limits, ports: Ports, features: () => string[]) {
    this.#node = node;
    this.#ports = ports;
    this.#features = features;
    this.#limits = Object.fromEntries(toldLimits.map((name) => [name, limits[name]]));
  }

  /** `reason`: why a resume was refused. `found`: what became of the sessions of the tickets. */
  send(
    { link, device }: LinkEntry,
    resumed: boolean,
    reason: Welcome["reason"],
    { sessions, over }: FoundSessions,
    now: number,
  ): void {
    const secret = this.#ports.random(32);
    link.secretHash = this.#ports.hash(secret);
    const ice = this.#ports.iceServers(device, now);
    link.renewAt = ice.renewAt ?? Number.POSITIVE_INFINITY;
    const welcome: Welcome = {
      type: "welcome",
      link: link.id,
      home: this.#node,
      got: link.got,
      user: device.user,
      device: device.id,
      expires: Math.max(0, link.expires - now),
      limits: this.#limits,
      features: this.#features(),
      secret,
      iceServers: ice.servers,
      resumed,
      ...(reason === undefined ? {} : { reason }),
      ...(sessions.length === 0 ? {} : { sessions: [...sessions] }),
      ...(over.length === 0 ? {} : { over: [...over] }),
    };
    link.silent = 0;
    link.sendUncounted(JSON.stringify(welcome), now);
    link.greeted = true;
  }
}
