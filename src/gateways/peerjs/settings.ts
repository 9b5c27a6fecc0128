import { Type } from "typebox";
import { flag, limitsGroup, type SettingsOf, text, texts } from "../../shared/setting.ts";
import { defaultGatewayLimits, gatewayLimitMeanings } from "../gateway-limits.ts";

/** Every bound of the gateway. Times in ms. */
export const defaultPeerjsLimits = {
  ...defaultGatewayLimits,
  /** How long a connection may take to be signed in. */
  signInTimeout: 10_000,
  /** Silence after which a client is taken to be gone. */
  aliveTimeout: 90_000,
  /** How long the connections of a client that lost its socket wait for it, where nobody else can tell that they ended. */
  graceTimeout: 30_000,
  /** How long the server follows a connection of two clients of PeerJS, once it is answered: nobody says when it ends. */
  followTimeout: 60_000,
  /** How long a caller may take to make the offer that a client rings with. */
  offerTimeout: 5_000,
  /** Media and data connections that one client may have. */
  connectionsPerClient: 100,
  /** Messages that are kept for a client that lost its socket. */
  keptMessages: 100,
} as const satisfies Record<string, number>;

export type PeerjsLimits = { readonly [name in keyof typeof defaultPeerjsLimits]: number };

const meanings: { readonly [name in keyof PeerjsLimits]: string } = {
  ...gatewayLimitMeanings("PeerJS"),
  signInTimeout: "How long a connection may take to be signed in.",
  aliveTimeout: "Silence after which a client is taken to be gone.",
  graceTimeout:
    "How long the connections of a client that lost its socket wait for it, where the other end can't tell either that they ended.",
  followTimeout:
    "How long an answered connection of two clients of PeerJS is a session: neither tells the server when it ends.",
  offerTimeout: "How long a caller may take to make the offer that a client rings with.",
  connectionsPerClient: "Media and data connections that one client may have.",
  keptMessages: "Messages that are kept for a client that lost its socket.",
};

/** Settings of the PeerJS gateway. docs/peerjs.md says how they are meant. */
export const peerjsSettings = {
  peerjs: Type.Object(
    {
      enabled: flag(true, "Serves PeerJS clients at `/peerjs`."),
      keys: texts(["peerjs"], "Keys (the option `key`) that clients may name."),
      guestKeys: texts(
        [],
        "Those of the keys whose clients need no token: each is a guest under the id it names.",
      ),
      guestPrefix: text(
        "guest-",
        "What the id of every guest begins with, so that none is the id of a user. Empty: any id may be a guest's, where no user has a token.",
      ),
      guestGrants: texts(
        ["call=*", "watch=*"],
        "What guests may do, each `NAME=PATTERN` with the names of a token's grants.",
      ),
      discovery: flag(false, "Lists the ids of the clients of this node at `/peerjs/peers`, to everybody."),
      limits: limitsGroup(defaultPeerjsLimits, "Every bound of the PeerJS gateway.", meanings, 2 ** 31 - 1),
    },
    { description: "PeerJS: its clients call and are called like every other device." },
  ),
};

export type PeerjsSettings = SettingsOf<typeof peerjsSettings>["peerjs"];

/** One line about the first setting that makes no sense, or undefined. */
export function checkPeerjs({ peerjs }: SettingsOf<typeof peerjsSettings>): string | undefined {
  const { keys, guestKeys, guestPrefix } = peerjs;
  const unknown = guestKeys.find((key) => !keys.includes(key));
  if (unknown !== undefined) return `setting peerjs.guestKeys: ${unknown} is none of peerjs.keys`;
  // What peerjs itself takes for an id.
  if (guestPrefix !== "" && !/^[A-Za-z0-9]+(?:[_-][A-Za-z0-9]+)*[_-]?$/.test(guestPrefix))
    return "setting peerjs.guestPrefix: letters and digits, with single - or _ between and at the end";
  return undefined;
}
