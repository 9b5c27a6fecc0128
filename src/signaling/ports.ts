import type { WireError } from "../protocol/error-codes.ts";
import type { RequestOf } from "../protocol/requests.ts";
import type { IceServer } from "../protocol/values.ts";
import type { Result } from "../shared/result.ts";
import type { Device, Outcome } from "./device.ts";
import type { CoreEvent } from "./events.ts";
import type { Grants } from "./grants.ts";
import type { FrameObserver } from "./observer.ts";
import type { Policy, WakeQuestion } from "./policy.ts";

/** Who a token speaks for. */
export interface Identity {
  readonly user: string;
  /** The only device that the token is for, where it names one. */
  readonly device?: string;
  readonly grants: Grants;
  /** The token is a guest's: anybody may get one, so that its relays are bounded more tightly. */
  readonly guest?: boolean;
  /** Unix time in ms. */
  readonly expires: number;
  readonly issuedAt: number;
  /** Proved by a secret, which does not tell when it was given out. */
  readonly undated?: boolean;
}

/** One connection to a client, whatever carries it. Owned by a shell; the core only sends and closes. */
export interface Transport {
  /** Sends one text frame. False when it was not taken (back-pressure); the core then closes the transport. */
  send(text: string): boolean;
  /** Closes it; nothing is sent afterwards. `closed` of the connection need not be called for it. */
  close(code: number, reason: string): void;
  /** Bytes that were sent and have not left this process. */
  readonly buffered: number;
}

/** The device that a transport is for, where the transport itself can tell. A hello of any other device is refused. */
export interface KnownDevice {
  readonly user: string;
  readonly device: string;
  /** Proved by the transport: a hello then needs no token. */
  readonly identity?: Identity | undefined;
}

/** Where a transport came from. */
export interface Remote {
  /** The origin of the page that opened it, where that may only be a guest's: its tokens are those of keys for that origin. */
  readonly guestOrigin?: string | undefined;
}

/** Devices that are woken when somebody calls them and they are not connected. */
export interface PushRegistry {
  /** Registers how the device is woken, or says how it is. Without an outcome `later` is called once, with it and the time of that moment. */
  register(
    device: Device,
    request: RequestOf<"push">,
    later: (outcome: Outcome, now: number) => void,
  ): Outcome | undefined;
  /** Wakes the devices of a user who is rung and not there. `waits`: one may come, so that the ring goes on for its time. */
  wake(question: WakeQuestion, done: (waits: boolean, now: number) => void): void;
}

/** What the pure core needs of the world. Every call returns at once. */
export interface Ports {
  /** Unix ms, for the moments that no call into the core brings the time of. */
  now(): number;
  /** How far the system's clock, which may be set while the process runs, is ahead of {@link now}. Tickets outlive the process: they have its time. */
  wallAhead(): number;
  /** Verifies a token and calls back, now or later, with the time of that moment. `remote`: the transport that it came by. */
  verify(
    token: string,
    done: (result: Result<Identity, WireError>, now: number) => void,
    remote?: Remote,
  ): void;
  /** ICE servers for a device; `renewAt` (Unix ms) where the credentials expire. */
  iceServers(
    device: { readonly user: string; readonly id: string; readonly guest: boolean },
    now: number,
  ): { readonly servers: IceServer[]; readonly renewAt?: number };
  /** An unguessable text of this many random bytes, base64url. */
  random(bytes: number): string;
  /** A number from 0 to 1, for jitter. */
  jitter(): number;
  /** SHA-256 of the text, base64url. */
  hash(text: string): string;
  /** Authenticated encryption with the cluster's key; base64url. */
  seal(text: string): string;
  /** The inverse of seal; undefined for anything that this cluster did not seal. */
  unseal(sealed: string): string | undefined;
  /**
   * Answers an offer in mid-call in place of a device that takes none: `own` is what the device said last, `theirs` what its peer said before
   * this offer, `count` how many answers it was given so far. Undefined where nobody can answer but the device.
   */
  answerFor(
    offer: string,
    last: { readonly own: string; readonly theirs?: string | undefined },
    count: number,
  ): string | undefined;
  /** Hears what happened, for records, metrics and logs. */
  emit(event: CoreEvent): void;
  /** Registers devices that are to be woken. Set once the part that wakes them has started. */
  pushes?: PushRegistry | undefined;
  /** Hears every frame, where somebody listens. It may be set and removed at any time. */
  observer?: FrameObserver | undefined;
  /** What the application decides. Undefined: grants alone decide. */
  readonly policy?: Policy | undefined;
}
