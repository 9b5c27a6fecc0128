import type { CertificatePair } from "../../net/certificate-files.ts";
import type { StaticUser } from "../credentials.ts";
import type { TurnEvent } from "../events.ts";
import type { TurnLimits } from "../limits.ts";

/** What a TURN server is started with. Only `realm` and what differs from the defaults has to be given. */
export interface TurnOptions {
  /** Numeric addresses of the listeners. Default: every IPv4 and, where there is one, IPv6 address. */
  readonly listen?: readonly string[];
  /** Port of UDP and of TCP; 0 takes a free one. Default 3478, both. */
  readonly udpPort?: number | "off";
  readonly tcpPort?: number | "off";
  /** TURN over TLS on a port of its own. */
  readonly tls?: { readonly port: number; readonly certificate: CertificatePair };
  /** Where relays are bound, one address of a family at most. Default: as `listen`. */
  readonly relayAddresses?: readonly string[];
  /** What clients are told instead, one of a family: the public address behind NAT. Default: detected. */
  readonly publicAddresses?: readonly string[];
  /** First and last port of relays. */
  readonly relayPorts?: readonly [first: number, last: number];
  /** Short, since every challenge carries it: with more than 4 bytes challenges are over 3 times the request. */
  readonly realm?: string;
  /** Secrets of time-limited credentials. Without any, and without users, one is made up. */
  readonly secrets?: readonly string[];
  readonly users?: readonly StaticUser[];
  /** Longest life of a time-limited credential, ms. */
  readonly credentialLife?: number;
  /** Text from which the key of nonces is made; the same for all servers behind one name. Default: random. */
  readonly nonceKey?: string;
  readonly limits?: Partial<TurnLimits>;
  /** Ranges of private or reserved peers that relays may reach; ranges that they may not. */
  readonly allowPeers?: readonly string[];
  readonly denyPeers?: readonly string[];
  readonly strictExpiry?: boolean;
  readonly followClientFamily?: boolean;
  /** For tests and measurements only. */
  readonly unsafeLoopback?: boolean;
  readonly hairpin?: boolean;
  /** Set by the starter of several workers. */
  readonly fleet?: SharedArrayBuffer;
  /** Hears what is worth a line in a log. */
  readonly log?: (event: TurnEvent) => void;
}

export const defaultUdpPort = 3478;
export const defaultRelayPorts: readonly [number, number] = [49_160, 49_659];
export const defaultRealm = "turn";
export const defaultCredentialLife = 3_600_000;
