import { type TInteger, Type } from "typebox";
import { defaultSipLimits, type SipLimits } from "../gateways/sip/settings.ts";
import { flag, port, text } from "./leaf.ts";

const meanings: { readonly [name in keyof SipLimits]: string } = {
  connections: "Connections of SIP clients.",
  requestsPerSecond: "Requests a second of one connection.",
  requestsBurst: "The burst above that.",
  transactions: "Transactions that one connection may have open.",
  failuresPerMinute: "Refused credentials a minute of one address.",
  failuresBurst: "The burst above that.",
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

const limits = Object.fromEntries(
  Object.entries(defaultSipLimits).map(([name, value]) => [
    name,
    Type.Integer({
      default: value,
      minimum: 1,
      maximum: 2 ** 31 - 1,
      description: meanings[name as keyof SipLimits],
    }),
  ]),
) as { [name in keyof SipLimits]: TInteger };

/** Settings of the SIP gateway. docs/sip.md says how they are meant. */
export const SipSettings = Type.Object(
  {
    enabled: flag(true, "Serves SIP over WebSocket at `/sip`."),
    domain: text("", "Domain of SIP addresses. Empty: whichever a client uses."),
    tcp: Type.Object(
      {
        enabled: flag(false, "Serves SIP over TCP as well, without TLS: for desk phones of the own network."),
        host: text("", "Address to listen on, which phones are told too. Empty: as `host`."),
        port: port(5_060, "Port; 0 takes a free one."),
      },
      { description: "SIP over TCP." },
    ),
    limits: Type.Object(limits, { description: "Every bound of the SIP gateway." }),
  },
  { description: "SIP: JsSIP, SIP.js and desk phones call and are called like every other device." },
);
