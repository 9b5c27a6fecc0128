/** How the gateway behaves. Times in ms. */
export interface SipSettings {
  /** Realm of the digest challenges. */
  readonly realm: string;
  /** The domain of addresses; empty: every domain that a client names is ours. */
  readonly domain: string;
  readonly limits: SipLimits;
}

/** Every bound of the gateway. */
export const defaultSipLimits = {
  /** Connections that the gateway holds. */
  connections: 10_000,
  /** Requests a second of one connection, and the burst above that. */
  requestsPerSecond: 50,
  requestsBurst: 200,
  /** Transactions that one connection may have open. */
  transactions: 64,
  /** Refused credentials a minute of one address, and the burst above that. */
  failuresPerMinute: 20,
  failuresBurst: 20,
  /** How long a connection may be without a registered device. */
  registerTimeout: 30_000,
  /** Quiet after which a registered client is asked whether it is there; without an answer its connection is closed. */
  pingAfter: 30_000,
  /** Presence subscriptions of one device. */
  subscriptions: 200,
  /** Shortest, default and longest registration. s */
  expiresMin: 60,
  expires: 600,
  expiresMax: 3_600,
  /** How long calls wait for a device whose connection was lost. */
  graceTimeout: 30_000,
  /** How long the candidates of a description are waited for. */
  gatherTimeout: 2_000,
  /** How long the other end may take to answer an offer. */
  answerTimeout: 12_000,
  /** How long the caller may take to make the offer that a phone rings with. */
  offerTimeout: 5_000,
} as const satisfies Record<string, number>;

export type SipLimits = { readonly [name in keyof typeof defaultSipLimits]: number };
