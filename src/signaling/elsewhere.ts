import type { CloseName } from "../protocol/close-codes.ts";
import type { WireReason } from "../protocol/end-reasons.ts";
import type { Hello, Welcome } from "../protocol/handshake.ts";
import type { SessionRequest } from "../protocol/requests.ts";
import type { Device, LinkEnd, Outcome } from "./device.ts";
import type { LinkEntry } from "./link/native-link.ts";
import type { Identity } from "./ports.ts";
import type { KeySnapshot } from "./session/call-keys.ts";
import type { Ticket } from "./session/tickets.ts";

/** Called once with whether all is known (false: it can't be just now), and the time. */
export type Ready = (complete: boolean, now: number) => void;

/** Where the session of a ticket is. `nowhere`: over. `lost`: its owner is gone with it, and it can be made anew. */
export type Place = { readonly node: string } | "here" | "nowhere" | "lost";

/** Session → where it is. */
export type Places = ReadonlyMap<string, Place>;

/** A link that another node holds, and the client that wants to go on with it here. */
export interface WantedLink {
  /** The node that the client names. */
  readonly node: string;
  readonly device: string;
  readonly hello: Pick<Hello, "instance" | "attempt"> & Required<Pick<Hello, "resume">>;
  readonly identity: Identity;
}

/** What came of it. `rival`: another run of the device that signed in here meanwhile. */
export type Arrival =
  | { readonly entry: LinkEntry; readonly rival: Device | undefined }
  /** The link does not go on, a new one may begin. */
  | { readonly refusal: Welcome["reason"] }
  /** The client must not have it. */
  | { readonly close: CloseName };

/** A call that a node has taken under a key: where it is, or how it ended. */
export interface KeyedCallElsewhere {
  readonly session: string;
  readonly device: string;
  readonly reason?: WireReason;
  /** For its caller; empty when the call is over. */
  readonly ticket: string;
}

/** The node that has the call of a key; undefined where none has. */
export type FoundCall = (
  found: { readonly node: string; readonly call: KeyedCallElsewhere } | undefined,
  now: number,
) => void;

/**
 * The other nodes, as the core of one node sees them: the only thing that it knows of them. Nodes have names, which the core
 * passes on without a meaning of its own. A node without others has {@link Alone}.
 */
export interface Elsewhere {
  /** Whether other nodes can be reached. */
  readonly reachable: boolean;
  /** How many devices of other nodes are in the directory, and how many users have only such. */
  readonly devices: number;
  readonly users: number;
  /** The time that all nodes agree on. Unix ms. */
  time(now: number): number;
  /** True when that node is there, as far as this one knows. */
  isLive(node: string): boolean;
  /** True when the node of that device answers: what is said to the device arrives soon. */
  answers(device: Device, now: number): boolean;

  // Devices

  /** True when all devices of the user at other nodes are in the directory. */
  knows(user: string): boolean;
  /** Adds them to the directory, for a while, and calls back; after `within` ms in any case. May call back at once. */
  know(user: string, ready: Ready, within?: number): void;
  /** Keeps them in the directory until {@link release}. */
  follow(user: string, ready?: Ready): void;
  release(user: string): void;
  /** A device of the user came here, or others see it otherwise than before. */
  changed(user: string): void;
  /** A newer run of this device, which was another node's, is here. */
  displaced(device: Device): void;
  /** The link of a device of this node was lost for now, or is back. */
  linkChanged(device: Device, state: "live" | "suspended"): void;
  /** It is gone for good. */
  closed(device: Device, why: LinkEnd): void;
  /** Has the link brought here by the node that holds it. */
  resume(wanted: WantedLink, done: (arrival: Arrival, now: number) => void): void;
  /** The device says something that is under way until the answer is called: its link does not leave this node before. */
  underWay(device: Device): () => void;
  /** Calls back when all that was said to these devices has arrived where their links are; false: it may not have. */
  delivered(to: readonly Device[], done: (arrived: boolean, now: number) => void): void;

  // Sessions

  /** Finds the sessions of these tickets. */
  find(tickets: readonly Ticket[], done: (places: Places, now: number) => void): void;
  /** Looks for the call of that key where it may be known. False: no other node may know it, and `done` is not called. */
  findKey(device: Device, key: string, done: FoundCall): boolean;
  /** Asks the owner of a session. Undefined: the outcome comes later, as a reply. `unknown`: no other node owns it. */
  perform(device: Device, request: SessionRequest, now: number): Outcome | undefined | "unknown";
  /** How many sessions of other nodes a device of this one has part in. */
  load(device: Device): number;
  /** The session of another node in which `caller` rings the device. */
  rungBy(device: Device, caller: Device): string | undefined;
  /** The node at which a session of this one has gone on, unless the device has heard that it is over. */
  nextOwner(device: Device, session: string): string | undefined;
  /** This node owns a session from now on that began elsewhere. */
  took(session: string): void;
  /** A session of this node is over, or another node's. */
  ended(session: string): void;
  /** This node has made a session anew: those of its users' devices that have part in it are told. */
  claim(session: string, epoch: number, users: readonly string[], now: number): void;
  /** The call of a key is over whose caller's device is at another node: that remembers it. */
  keyOver(device: Device, key: KeySnapshot): void;
  /** A device of this node comes back to its part in a session of that node. */
  rejoin(device: Device, session: string, node: string): void;
  /** The same for a new device and several sessions, before anybody hears that an older run of the device is over. */
  rejoinAll(device: Device, sessions: ReadonlyMap<string, string>): void;
}

export interface AloneOptions {
  /** Unix ms. */
  now(): number;
  /** When this run of the node began. Unix ms. */
  readonly since: number;
  /** How long tickets count. ms */
  readonly ticketTtl: number;
}

/** There are no other nodes: everything is known at once, and nothing is anywhere else. */
export class Alone implements Elsewhere {
  readonly reachable = true;
  readonly devices = 0;
  readonly users = 0;
  readonly #options: AloneOptions;

  constructor(options: AloneOptions) {
    this.#options = options;
  }

  time(now: number): number {
    return now;
  }

  isLive(): boolean {
    return false;
  }

  answers(): boolean {
    return true;
  }

  knows(): boolean {
    return true;
  }

  know(_user: string, ready: Ready): void {
    ready(true, this.#options.now());
  }

  follow(_user: string, ready?: Ready): void {
    ready?.(true, this.#options.now());
  }

  release(): void {}

  changed(): void {}

  displaced(): void {}

  linkChanged(): void {}

  closed(): void {}

  resume(_wanted: WantedLink, done: (arrival: Arrival, now: number) => void): void {
    done({ refusal: "unreachable" }, this.#options.now());
  }

  underWay(): () => void {
    return () => {};
  }

  delivered(_to: readonly Device[], done: (arrived: boolean, now: number) => void): void {
    done(true, this.#options.now());
  }

  /** A session that began in this run of the node and is not here has ended; an earlier run took its sessions along. */
  find(tickets: readonly Ticket[], done: (places: Places, now: number) => void): void {
    const { now, since, ticketTtl } = this.#options;
    const placeOf = ({ expires }: Ticket): Place => (expires - ticketTtl < since ? "lost" : "nowhere");
    done(new Map(tickets.map((ticket) => [ticket.session, placeOf(ticket)])), now());
  }

  findKey(): boolean {
    return false;
  }

  perform(): "unknown" {
    return "unknown";
  }

  load(): number {
    return 0;
  }

  rungBy(): undefined {}

  nextOwner(): undefined {}

  took(): void {}

  ended(): void {}

  claim(): void {}

  keyOver(): void {}

  rejoin(): void {}

  rejoinAll(): void {}
}
