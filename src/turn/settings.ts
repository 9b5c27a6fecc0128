import { Type } from "typebox";
import { flag, limitsGroup, port, type SettingsOf, secret, text, texts } from "../shared/setting.ts";
import { parseIceUrl } from "./ice-url.ts";
import { defaultTurnLimits, type TurnLimits } from "./limits.ts";

const meanings: { readonly [name in keyof TurnLimits]: string } = {
  allocationsPerDevice: "Live allocations of one device, or of one static user.",
  allocationsPerUser: "Live allocations of all devices of one user.",
  allocationsPerAddress: "Live allocations of one source address (IPv6: its /64).",
  allocations: "Live allocations of one worker; never more than it has relay ports.",
  allocationsPerGuest: "Live allocations of all devices of one guest.",
  guestAllocationsPerAddress: "Live allocations of the guests of one source address.",
  guestAllocations: "Live allocations of all guests of one worker.",
  permissions: "Permissions of one allocation.",
  channels: "Channels of one allocation.",
  bytesPerSecond: "Payload a second of one allocation, both ways together.",
  guestBytesPerSecond: "Payload a second of one allocation of a guest's.",
  totalBytesPerSecond: "Payload a second of one worker.",
  lifetime: "Longest life of an allocation without a refresh, seconds.",
  defaultLifetime: "The life that a client gets unasked, seconds.",
  bindingsPerSecond: "Binding answers a second to one source address.",
  refusalsPerSecond: "Other answers a second to a source address that has proven nothing.",
  provenAnswersPerSecond:
    "Answers of both kinds a second to a source address that has returned a nonce within the hour.",
  nonceAge: "Age after which a nonce is stale, seconds.",
  connectionsPerAddress: "TCP and TLS connections of one address.",
  connections: "TCP and TLS connections of one worker.",
  preAuthTimeout: "How long a connection may have no allocation.",
  sendBuffer: "Bytes that may wait in a connection before relayed data is dropped.",
};

const User = Type.Object(
  { name: Type.String({ minLength: 1 }), password: Type.String({ minLength: 1 }) },
  { additionalProperties: false },
);

/** Settings of STUN and TURN. docs/turn.md says how they are meant. */
export const turnSettings = {
  turn: Type.Object(
    {
      embedded: flag(true, "Runs the STUN and TURN server in this process, unless `external` names others."),
      external: texts(
        [],
        "URLs of other TURN servers, such as coturn's, that devices are told instead; `switchboard coturn-config` prints its configuration.",
      ),
      secret: secret(
        "Secret of the time-limited credentials (TURN REST), shared with external servers. Empty: random.",
      ),
      formerSecret: secret("The secret before, for as long as credentials made with it live."),
      ttl: Type.Integer({
        default: 3_600_000,
        minimum: 60_000,
        maximum: 86_400_000 * 7,
        description: "Life of a credential; it is renewed before.",
      }),
      users: Type.Array(User, {
        default: [],
        description:
          "Users with passwords that don't end, `{name, password}`: for devices that don't sign in here.",
      }),
      host: text(
        "",
        "Name or address in the URLs that devices are told. Empty: the address that relays are told by.",
      ),
      listen: texts([], "Addresses to listen on. Empty: all of this machine; in development mode 127.0.0.1."),
      udpPort: port(3_478, "Port of STUN and TURN over UDP; 0 takes a free one."),
      tcpPort: port(3_478, "Port of TURN over TCP; 0 takes a free one."),
      tlsPort: port(
        0,
        "Port of TURN over TLS, with the certificate of `tls`. 0: the server's own port carries it, where that has TLS.",
      ),
      relayAddresses: texts([], "Where relays are bound, one address of a family. Empty: as `listen`."),
      publicAddresses: texts(
        [],
        "What clients are told for relays behind NAT, one address of a family. Empty: detected.",
      ),
      stunServers: texts(
        [],
        "`stun:` URLs of other servers that are asked at the start how the world sees this machine, where publicAddresses doesn't say.",
      ),
      relayFirstPort: port(49_160, "First port of relays."),
      relayLastPort: port(49_659, "Last port of relays."),
      workers: Type.Integer({
        default: 1,
        minimum: 1,
        maximum: 64,
        description:
          "Threads, each with ports of its own, counted on from the first; devices are spread over them.",
      }),
      realm: text("turn", "Realm of the credentials; every challenge carries it, so keep it short."),
      allowPeers: texts(
        [],
        "Ranges of private or reserved addresses that relays may reach, such as `10.1.0.0/16`.",
      ),
      denyPeers: texts([], "Ranges that they may not reach, beside those that nobody may."),
      followClientFamily: flag(
        false,
        "Gives a client that asks for no family a relay of the family that it came by, and not always IPv4.",
      ),
      strictExpiry: flag(false, "Ends an allocation when its credential expires."),
      limits: limitsGroup(defaultTurnLimits, "Every bound of the TURN server.", meanings),
    },
    { description: "STUN and TURN: for calls that find no direct path." },
  ),
};

/** One line about the first of them that makes no sense, or undefined. */
export function checkTurn({ turn }: SettingsOf<typeof turnSettings>): string | undefined {
  if (turn.external.length > 0 && turn.secret === "")
    return "setting turn.secret: missing, though turn.external is set";
  const wrongTurn = turn.external.find((url) => !/^turns?:\S+$/.test(url));
  if (wrongTurn !== undefined) return `setting turn.external: ${wrongTurn} is no turn: or turns: URL`;
  const wrongStun = turn.stunServers.find(
    (url) => parseIceUrl(url)?.scheme !== "stun" || /^stuns/i.test(url),
  );
  if (wrongStun !== undefined) return `setting turn.stunServers: ${wrongStun} is no stun: URL`;
  if (turn.relayFirstPort < 1 || turn.relayFirstPort > turn.relayLastPort)
    return "setting turn.relayLastPort: must not be below turn.relayFirstPort, which must be at least 1";
  return undefined;
}
