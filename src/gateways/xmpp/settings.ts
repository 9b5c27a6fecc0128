import { Type } from "typebox";
import { flag, limitsGroup, type SettingsOf, secret, text, texts } from "../../shared/setting.ts";
import { defaultGatewayLimits, gatewayLimitMeanings } from "../gateway-limits.ts";
import { parseJid } from "./jid.ts";

/** Every bound of the gateway. Times in ms. */
export const defaultXmppLimits = {
  ...defaultGatewayLimits,
  /** How long a connection may take to be signed in and bound. */
  signInTimeout: 15_000,
  /** How long a client that can resume its stream may be away (XEP-0198). */
  resumeTimeout: 300_000,
  /** Stanzas, and their characters, that wait for a client to acknowledge them. */
  unackedStanzas: 1_000,
  unackedCharacters: 1_048_576,
  /** Contacts that one client may have. */
  contacts: 500,
  /** Users of another server, by the component. */
  componentUsers: 10_000,
  /** Calls that one client may have at once, ringing ones counted. */
  sessionsPerClient: 16,
  /** How long a client may take to answer an iq. */
  iqTimeout: 15_000,
} as const satisfies Record<string, number>;

export type XmppLimits = { readonly [name in keyof typeof defaultXmppLimits]: number };

const meanings: { readonly [name in keyof XmppLimits]: string } = {
  ...gatewayLimitMeanings("XMPP"),
  signInTimeout: "How long a connection may take to be signed in and bound.",
  resumeTimeout: "How long a client that can resume its stream (XEP-0198) may be away.",
  unackedStanzas: "Stanzas that wait for a client to acknowledge them; a client with more is disconnected.",
  unackedCharacters: "The characters of these stanzas.",
  componentUsers: "Users of another server, by the component.",
  contacts: "Contacts that one client may have.",
  sessionsPerClient: "Calls that one client may have at once, ringing ones counted.",
  iqTimeout: "How long a client may take to answer an iq.",
};

/** SASL mechanisms that a server may offer, the preferred one first. */
export const mechanisms = ["SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN"] as const;
export type Mechanism = (typeof mechanisms)[number];

/** Settings of the XMPP gateway. docs/xmpp.md says how they are meant. */
export const xmppSettings = {
  xmpp: Type.Object(
    {
      enabled: flag(true, "Serves XMPP clients over WebSocket at `/xmpp` (RFC 7395)."),
      domain: text("", "The domain of JIDs. Empty: whatever domain the client asks for."),
      sasl: texts(
        [],
        "The SASL mechanisms that are offered, of `SCRAM-SHA-256`, `SCRAM-SHA-1` and `PLAIN`. SCRAM checks device secrets; PLAIN checks these and tokens. Clients prefer SCRAM, so that those with tokens need PLAIN alone. Empty: all three in development mode and where there are device secrets, PLAIN elsewhere.",
      ),
      component: Type.Object(
        {
          server: text(
            "",
            "An XMPP server to join as a component (XEP-0114), such as `xmpp.internal:5347`. Empty: none. Set it on one node alone.",
          ),
          domain: text(
            "",
            "The component's domain: our users are `alice@DOMAIN` to the users of that server.",
          ),
          secret: secret("The component's secret."),
          domains: texts(
            [],
            "Domains whose users may call and be called. Empty: the one that the component's domain lies below.",
          ),
          users: texts(
            [],
            "JIDs of users who can be called before they have been heard of, such as `bob@example.org`.",
          ),
          grants: texts(
            ["call=*", "send=*", "watch=*"],
            "What users of these domains may do, each `NAME=PATTERN` with the names of a token's grants.",
          ),
        },
        { description: "A component of another XMPP server, whose users become devices here." },
      ),
      limits: limitsGroup(defaultXmppLimits, "Every bound of the XMPP gateway.", meanings, 2 ** 31 - 1),
    },
    { description: "XMPP: its clients call and are called like every other device." },
  ),
};

export type XmppSettings = SettingsOf<typeof xmppSettings>["xmpp"];

/** One line about the first setting that makes no sense, or undefined. */
export function checkXmpp({ xmpp }: SettingsOf<typeof xmppSettings>): string | undefined {
  const unknown = xmpp.sasl.find((name) => !mechanisms.some((one) => one === name));
  if (unknown !== undefined) return `setting xmpp.sasl: ${unknown} is none of ${mechanisms.join(", ")}`;
  if (xmpp.domain !== "" && parseJid(xmpp.domain)?.domain !== xmpp.domain)
    return "setting xmpp.domain: a domain in lower case, such as example.org";
  const { server, domain, secret: component, users } = xmpp.component;
  if (server === "") return undefined;
  if (!/^.+:\d{1,5}$/.test(server)) return "setting xmpp.component.server: HOST:PORT";
  if (domain === "" || parseJid(domain)?.domain !== domain)
    return "setting xmpp.component.domain: a domain in lower case, such as call.example.org";
  if (component === "") return "setting xmpp.component.secret is missing";
  const wrong = users.find((one) => (parseJid(one)?.local ?? "") === "" || one.includes("/"));
  if (wrong !== undefined) return `setting xmpp.component.users: ${wrong} is no JID of a user`;
  return undefined;
}
