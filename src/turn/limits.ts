/** Every bound of the TURN server. Times are ms unless a name says otherwise. */
export interface TurnLimits {
  /** Live allocations and reservations of one device, of one user's devices, of one source address (IPv6: its /64), and in all. */
  readonly allocationsPerDevice: number;
  readonly allocationsPerUser: number;
  readonly allocationsPerAddress: number;
  readonly allocations: number;
  /** The same of one guest's devices, of the guests of one address, and of all: anybody may be one, under any number of names. */
  readonly allocationsPerGuest: number;
  readonly guestAllocationsPerAddress: number;
  readonly guestAllocations: number;
  /** Of one allocation. */
  readonly permissions: number;
  readonly channels: number;
  /** Relayed payload of one allocation, both ways together, of one of a guest's, and of the server. What is above is dropped. */
  readonly bytesPerSecond: number;
  readonly guestBytesPerSecond: number;
  readonly totalBytesPerSecond: number;
  /** Longest life that a client can ask for, and the one that it gets unasked. Seconds. */
  readonly lifetime: number;
  readonly defaultLifetime: number;
  /** Answers to one source address (IPv6: its /64) that it has proven nothing to: Binding, and everything else. */
  readonly bindingsPerSecond: number;
  readonly refusalsPerSecond: number;
  /** Answers of both kinds to an address that has returned a nonce: nobody can have forged that. */
  readonly provenAnswersPerSecond: number;
  /** Age after which a nonce is stale. Seconds. */
  readonly nonceAge: number;
  /** TCP and TLS connections of one address and in all. */
  readonly connectionsPerAddress: number;
  readonly connections: number;
  /** How long a connection may have no allocation. */
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
