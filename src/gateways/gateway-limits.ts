/** The bounds that every gateway has. A gateway's settings hold these beside those of its protocol. */
export const defaultGatewayLimits = {
  /** Connections that the gateway holds. */
  connections: 10_000,
  /** Requests a second of one connection, and the burst above that. */
  requestsPerSecond: 50,
  requestsBurst: 200,
  /** Bytes a second of one connection, and the burst above that; who sends more is closed. */
  bytesPerSecond: 1_048_576,
  bytesBurst: 2_097_152,
  /** Bytes that a connection may have unsent before it is closed as slow. */
  sendBuffer: 1_048_576,
  /** Refused credentials a minute of one address, and the burst above that. */
  failuresPerMinute: 20,
  failuresBurst: 20,
} as const satisfies Record<string, number>;

export type GatewayLimits = { readonly [name in keyof typeof defaultGatewayLimits]: number };

/** What they mean, for the settings of a gateway to this protocol. */
export function gatewayLimitMeanings(protocol: string): { readonly [name in keyof GatewayLimits]: string } {
  return {
    connections: `Connections of ${protocol} clients.`,
    requestsPerSecond: "Requests a second of one connection; who sends twice as many messages is closed.",
    requestsBurst: "The burst above that.",
    bytesPerSecond: "Bytes a second of one connection; who sends more is closed.",
    bytesBurst: "The burst above that.",
    sendBuffer: "Bytes that a connection may have unsent before it is closed as slow.",
    failuresPerMinute: "Refused credentials a minute of one address.",
    failuresBurst: "The burst above that.",
  };
}
