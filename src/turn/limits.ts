/** All limits of the TURN server. Times are in ms unless it says otherwise. */
export interface TurnLimits {
  /** Allocations and reservations at a time: of one device, of one user's devices, of one source address (IPv6: its /64), and in all. */
  readonly allocationsPerDevice: number;
  readonly allocationsPerUser: number;
  readonly allocationsPerAddress: number;
  readonly allocations: number;
  /** The same of one guest's devices, of the guests of one address, and of all guests: anybody can be a guest, under many names. */
  readonly allocationsPerGuest: number;
  readonly guestAllocationsPerAddress: number;
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
  /** Answers of both kinds to an address that has returned a nonce: nobody can have forged that. */
  readonly provenAnswersPerSecond: number;
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
  allocationsPerDevice: 32,
  allocationsPerUser: 64,
  allocationsPerAddress: 128,
  allocations: 500,
  allocationsPerGuest: 12,
  guestAllocationsPerAddress: 60,
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
  provenAnswersPerSecond: 1_000,
  nonceAge: 600,
  connectionsPerAddress: 64,
  connections: 2_000,
  preAuthTimeout: 10_000,
  sendBuffer: 262_144,
};

/** The limits of a server with so many relay ports: no more allocations than these, and of those the guests' same share. */
export function limitsWithin(limits: TurnLimits, ports: number): TurnLimits {
  const allocations = Math.min(limits.allocations, ports);
  const guestAllocations = Math.floor((limits.guestAllocations * allocations) / limits.allocations);
  return { ...limits, allocations, guestAllocations };
}
