import { type SrtpProfile, srtpProfile } from "../srtp/profile.ts";
import type { CloseReason } from "./close-reason.ts";
import type { HandshakeSettings } from "./handshake.ts";
import type { HandshakeGate } from "./handshake-gate.ts";
import type { Role, SrtpMasterKey } from "./key-schedule.ts";
import type { PathBudget } from "./path-budget.ts";

/** What a session does to the world. None of these may call the session, except for its `close`. */
export interface DtlsPorts {
  /** A datagram of at most `mtu` bytes, in memory of its own. */
  send(datagram: Uint8Array): void;
  /** Called once, when the peer has proved that it holds the key of the signaled certificate. */
  established(result: Established): void;
  /** Called once; the session does nothing from here on. */
  closed(reason: CloseReason): void;
}

/** Keys for SRTP; both are the receiver's, to use and to wipe. */
export interface Established {
  readonly profile: SrtpProfile;
  /** What we protect with. */
  readonly local: SrtpMasterKey;
  /** What the peer protects with. */
  readonly remote: SrtpMasterKey;
}

export interface DtlsSessionOptions extends Omit<HandshakeSettings, "srtpProfiles"> {
  /** A server is passive and waits for a ClientHello; a client is active. */
  readonly role: Role;
  readonly ports: DtlsPorts;
  /** Best first; by default all that we know for a server, and AES-128-GCM and AES-CM with SHA-1 for a client. */
  readonly srtpProfiles?: readonly SrtpProfile[];
  /** The most bytes of a datagram that is sent, from 128 to 16,384; 1200 by default. */
  readonly mtu?: number;
  /** What may be sent to the peer's address; by default that of an address that has proved nothing. */
  readonly path?: PathBudget;
  /** Of a server: bounds half-open handshakes. */
  readonly gate?: HandshakeGate;
  /** Milliseconds until the first repeat of a flight; 50 by default. */
  readonly initialTimeout?: number;
  /** Milliseconds until a handshake that has begun is given up; 10,000 by default. */
  readonly handshakeTimeout?: number;
}

/** What a session counts. */
export interface DtlsStats {
  /** Records that were forged, repeated, out of date or of no use. */
  droppedRecords: number;
  /** Messages that were wrong. */
  failures: number;
  /** Flights repeated by the timer. */
  repeats: number;
  /** Flights repeated because the peer repeated its own. */
  answers: number;
  /** ClientHellos that the gate refused. */
  refused: number;
}

/** A client can't know what the server has, so it offers the two that are common. */
export const defaultProfiles: Readonly<Record<Role, readonly SrtpProfile[]>> = {
  server: [srtpProfile.aeadAes128Gcm, srtpProfile.aeadAes256Gcm, srtpProfile.aes128CmSha1_80],
  client: [srtpProfile.aeadAes128Gcm, srtpProfile.aes128CmSha1_80],
};
