import { Type } from "typebox";
import { flag, limitsGroup, port, text } from "../../shared/setting.ts";
import { defaultGatewayLimits, gatewayLimitMeanings } from "../gateway-limits.ts";

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
  ...defaultGatewayLimits,
  /** Transactions that one connection may have open. */
  transactions: 64,
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

const meanings: { readonly [name in keyof SipLimits]: string } = {
  ...gatewayLimitMeanings("SIP"),
  transactions: "Transactions that one connection may have open.",
  registerTimeout: "How long a connection may be without a registered device.",
  pingAfter: "Quiet after which a client is asked whether it is still there (OPTIONS).",
  subscriptions: "Presence subscriptions of one device.",
  expiresMin: "Shortest registration, seconds.",
  expires: "The registration that a client gets unasked, seconds.",
  expiresMax: "Longest registration, seconds.",
  graceTimeout: "How long a call waits for a device whose connection was lost.",
  gatherTimeout: "How long the candidates of a description are waited for.",
  answerTimeout: "How long the other end may take to answer an offer of a call.",
  offerTimeout: "How long a caller may take to make the offer that a phone rings with.",
};

/** Settings of the SIP gateway. docs/sip.md says how they are meant. */
export const sipSettings = {
  sip: Type.Object(
    {
      enabled: flag(true, "Serves SIP over WebSocket at `/sip`."),
      domain: text("", "Domain of SIP addresses. Empty: whichever a client uses."),
      tcp: Type.Object(
        {
          enabled: flag(
            false,
            "Serves SIP over TCP as well, without TLS: for desk phones of the own network.",
          ),
          host: text("", "Address to listen on, which phones are told too. Empty: as `host`."),
          port: port(5_060, "Port; 0 takes a free one."),
        },
        { description: "SIP over TCP." },
      ),
      limits: limitsGroup(defaultSipLimits, "Every bound of the SIP gateway.", meanings, 2 ** 31 - 1),
    },
    { description: "SIP: JsSIP, SIP.js and desk phones call and are called like every other device." },
  ),
};
