import type { CloseName } from "../protocol/close-codes.ts";
import type { WireError } from "../protocol/error-codes.ts";
import type { PushBody } from "../protocol/pushes.ts";
import type { Capabilities, PeerInfo } from "../protocol/values.ts";
import type { Grants } from "./grants.ts";

/** What a request came to. A request without an outcome yet is replied to later through the device's link. */
export type Outcome = { readonly ok: object } | { readonly error: WireError };

/** Why a link is gone for good. Only `client` means that its person left. */
export type LinkEnd = "client" | "replaced" | "renewed" | "expired" | "kicked" | "evicted";

/**
 * The conversation with one device, whatever protocol it speaks: the native link and every gateway implement it.
 * Nothing here throws, and nothing calls back into the core before it returns.
 */
export interface DeviceLink {
  readonly id: string;
  /** `live`: the device hears at once. `suspended`: it hears when it resumes, if it does in time. */
  readonly state: "live" | "suspended" | "closed";
  /**
   * Which run of the client it is, and how often that has said hello: a newer run displaces it, wherever in the cluster.
   * Without them each link is a run of its own.
   */
  readonly instance?: string;
  readonly attempt?: number;
  /** Delivers a push: in order, each once. */
  deliver(push: PushBody, now: number): void;
  /** Replies to a request that had no outcome when it was made. */
  reply(id: number, outcome: Outcome, now: number): void;
  /** Ends the conversation from the server's side; its legs end or detach as the core decides. */
  close(why: CloseName, now: number): void;
  /** The device has part in this session, or no longer, for who must tell another node. `goesOn`: that one is told by another. */
  bound?(session: string, epoch: number, leg: number): void;
  unbound?(session: string, goesOn: boolean): void;
}

export interface DeviceOptions {
  readonly user: string;
  readonly id: string;
  readonly kind: string;
  readonly name: string | undefined;
  readonly capabilities: Capabilities;
  readonly link: DeviceLink;
  readonly grants: Grants;
  readonly guest?: boolean;
  readonly node?: string;
  readonly gateway?: string;
}

/**
 * One endpoint of a user, for as long as one link of it lives: a resume keeps it, a new link makes another.
 * There is at most one per (user, id).
 */
export class Device {
  readonly user: string;
  readonly id: string;
  readonly kind: string;
  readonly name: string | undefined;
  readonly capabilities: Capabilities;
  /** The gateway by which it is signed in; undefined for a native device. */
  readonly gateway: string | undefined;
  /** The node that holds its link; undefined where that is this one. */
  node: string | undefined;
  /** Another one, of the same conversation, where that goes over to another node. */
  link: DeviceLink;
  grants: Grants;
  /** The node that held its former link, where that was another one: it may remember what the device has asked. */
  cameFrom: string | undefined;
  /** Cluster time at which the link was opened. */
  stamp = 0;
  /** Its token is a guest's. */
  guest: boolean;
  status: string | undefined;
  /** False once it was silent for `limits.offlineAfter`, though its link may still be resumed. */
  online = true;

  constructor(options: DeviceOptions) {
    this.user = options.user;
    this.id = options.id;
    this.kind = options.kind;
    this.name = options.name;
    this.capabilities = options.capabilities;
    this.link = options.link;
    this.grants = options.grants;
    this.guest = options.guest ?? false;
    this.node = options.node;
    this.gateway = options.gateway;
  }

  /** How others are told of this device. */
  get info(): PeerInfo {
    const info: PeerInfo = { user: this.user, device: this.id, kind: this.kind };
    if (this.name !== undefined) info.name = this.name;
    return info;
  }
}
