/** The bounds that every gateway has. A gateway's settings hold these beside those of its protocol. */
export const defaultGatewayLimits = {
  /** Connections that the gateway holds. */
  connections: 10_000,
  /** Requests a second of one connection, and the burst above that. */
  requestsPerSecond: 50,
  requestsBurst: 200,
  /** Refused credentials a minute of one address, and the burst above that. */
  failuresPerMinute: 20,
  failuresBurst: 20,
} as const satisfies Record<string, number>;

export type GatewayLimits = { readonly [name in keyof typeof defaultGatewayLimits]: number };

/** What they mean, for the settings of a gateway to this protocol. */
export function gatewayLimitMeanings(protocol: string): { readonly [name in keyof GatewayLimits]: string } {
  return {
    connections: `Connections of ${protocol} clients.`,
    requestsPerSecond: "Requests a second of one connection.",
    requestsBurst: "The burst above that.",
    failuresPerMinute: "Refused credentials a minute of one address.",
    failuresBurst: "The burst above that.",
  };
}
