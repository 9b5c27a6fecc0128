import type { CertificatePair } from "../../net/certificate-files.ts";
import type { StaticUser } from "../credentials.ts";
import type { TurnEvent } from "../events.ts";
import type { TurnLimits } from "../limits.ts";

/** What a TURN server is started with. Only `realm` and what differs from the defaults has to be given. */
export interface TurnOptions {
  /** Numeric addresses of the listeners. Default: all IPv4 addresses, and all IPv6 addresses if there are any. */
  readonly listen?: readonly string[];
  /** Port of UDP and of TCP; 0 takes a free one. Default 3478, both. */
  readonly udpPort?: number | "off";
  readonly tcpPort?: number | "off";
  /** TURN over TLS on a port of its own. */
  readonly tls?: { readonly port: number; readonly certificate: CertificatePair };
  /** Addresses that relays are bound to, at most one of each family. Default: as `listen`. */
  readonly relayAddresses?: readonly string[];
  /** The public addresses behind NAT, which clients are told instead, at most one of each family. Default: detected. */
  readonly publicAddresses?: readonly string[];
  /** First and last port of relays. */
  readonly relayPorts?: readonly [first: number, last: number];
  /** Short, since every challenge carries it: with more than 4 bytes challenges are over 3 times the request. */
  readonly realm?: string;
  /** Secrets of time-limited credentials. Without secrets and users, a random secret is made. */
  readonly secrets?: readonly string[];
  readonly users?: readonly StaticUser[];
  /** Longest life of a time-limited credential, ms. */
  readonly credentialLife?: number;
  /** Text that the key of nonces is made from. It must be the same for all servers behind one name. Default: random. */
  readonly nonceKey?: string;
  readonly limits?: Partial<TurnLimits>;
  /** Private or reserved ranges that relays may reach, and ranges that they may not. */
  readonly allowPeers?: readonly string[];
  readonly denyPeers?: readonly string[];
  readonly strictExpiry?: boolean;
  readonly followClientFamily?: boolean;
  /** For tests and measurements only. */
  readonly unsafeLoopback?: boolean;
  readonly hairpin?: boolean;
  /** Set for servers of several workers. */
  readonly fleet?: SharedArrayBuffer;
  /** Called with events for the log. */
  readonly log?: (event: TurnEvent) => void;
}

export const defaultUdpPort = 3478;
export const defaultRelayPorts: readonly [number, number] = [49_160, 49_659];
export const defaultRealm = "turn";
export const defaultCredentialLife = 3_600_000;
