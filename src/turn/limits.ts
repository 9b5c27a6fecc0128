/** All limits of the TURN server. Times are in ms unless it says otherwise. */
export interface TurnLimits {
  /** Allocations and reservations at a time: of one user, of one source address (IPv6: its /64), and in all. */
  readonly allocationsPerUser: number;
  readonly allocationsPerAddress: number;
  readonly allocations: number;
  /** The same of one guest, and of all guests together: anybody can be a guest, under many names. */
  readonly allocationsPerGuest: number;
  readonly guestAllocations: number;
  /** Of one allocation. */
  readonly permissions: number;
  readonly channels: number;
  /** Relayed payload in both directions: of one allocation, of a guest's allocation, and of the server. More is dropped. */
  readonly bytesPerSecond: number;
  readonly guestBytesPerSecond: number;
  readonly totalBytesPerSecond: number;
  /** Longest lifetime that a client can ask for, and the default. Seconds. */
  readonly lifetime: number;
  readonly defaultLifetime: number;
  /** Answers to unauthenticated requests of one source address (IPv6: its /64): to Binding, and to all others. */
  readonly bindingsPerSecond: number;
  readonly refusalsPerSecond: number;
  /** Age after which a nonce is stale. Seconds. */
  readonly nonceAge: number;
  /** TCP and TLS connections: of one address, and in all. */
  readonly connectionsPerAddress: number;
  readonly connections: number;
  /** How long a connection may be without an allocation. */
  readonly preAuthTimeout: number;
  /** Bytes that may wait in a connection before relayed data is dropped. */
  readonly sendBuffer: number;
}

export const defaultTurnLimits: TurnLimits = {
  allocationsPerUser: 32,
  allocationsPerAddress: 128,
  allocations: 1_000,
  allocationsPerGuest: 12,
  guestAllocations: 250,
  permissions: 32,
  channels: 64,
  bytesPerSecond: 2_500_000,
  guestBytesPerSecond: 625_000,
  totalBytesPerSecond: 125_000_000,
  lifetime: 3_600,
  defaultLifetime: 600,
  bindingsPerSecond: 100,
  refusalsPerSecond: 10,
  nonceAge: 600,
  connectionsPerAddress: 64,
  connections: 2_000,
  preAuthTimeout: 10_000,
  sendBuffer: 262_144,
};
