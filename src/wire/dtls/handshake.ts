import type { Result } from "../../shared/result.ts";
import type { SrtpProfile } from "../srtp/profile.ts";
import type { DtlsCertificate, DtlsCrypto } from "./crypto.ts";
import type { FailureReason } from "./failure.ts";
import type { Fingerprint } from "./fingerprint.ts";
import type { Flight } from "./flight.ts";
import type { HandshakeMessage } from "./handshake-message.ts";
import type { RecordKeys, Role, SrtpMasterKey } from "./key-schedule.ts";

export interface HandshakeSettings {
  readonly crypto: DtlsCrypto;
  readonly certificate: DtlsCertificate;
  readonly remoteFingerprints: readonly Fingerprint[];
  /** What is offered, or taken: best first. */
  readonly srtpProfiles: readonly SrtpProfile[];
}

/** What a handshake was for. The keys are the caller's, to use and to wipe. */
export interface SrtpKeys {
  readonly profile: SrtpProfile;
  readonly keys: Readonly<Record<Role, SrtpMasterKey>>;
}

/** What comes of a message that was taken. */
export interface Progress {
  /** To be sent, and repeated until the next one. */
  readonly flight?: Flight;
  /** From here on epoch 0 is dropped, and epoch 1 is opened and sealed with these. */
  readonly recordKeys?: RecordKeys;
  /** The handshake is complete. */
  readonly srtp?: SrtpKeys;
}

export type Outcome = Result<Progress, FailureReason>;

/** One side of a handshake: it takes the peer's messages in their order. It knows neither records nor time. */
export interface Handshake {
  /** Sequence numbers that the next message may have. */
  readonly expects: readonly number[];
  /** The next message; a failure has changed nothing. */
  take(message: HandshakeMessage): Outcome;
  /**
   * Forgets the messages of the peer's flight that no signature has vouched for, so that the peer's repeat is read from the flight's start:
   * the message that failed may have been right, and one before it forged.
   */
  rewind(): void;
  /** Overwrites all secrets. */
  wipe(): void;
}
