import { type Static, type TInteger, Type } from "typebox";
import { defaultLimits, type Limits } from "../protocol/limits.ts";
import { IceServer, RoomPolicy } from "../protocol/values.ts";

const text = (fallback: string, description: string) => Type.String({ default: fallback, description });
const secret = (description: string) => Type.String({ default: "", description, secret: true });
const flag = (fallback: boolean, description: string) => Type.Boolean({ default: fallback, description });
const texts = (fallback: readonly string[], description: string) =>
  Type.Array(Type.String({ minLength: 1 }), { default: fallback, description });
const port = (fallback: number, description: string) =>
  Type.Integer({ default: fallback, minimum: 0, maximum: 65_535, description });
const milliseconds = (fallback: number, description: string) =>
  Type.Integer({ default: fallback, minimum: 0, maximum: 86_400_000 * 30, description });

const RoomRule = Type.Object(
  {
    match: Type.String({ pattern: "^room:" }),
    ...RoomPolicy.properties,
  },
  { additionalProperties: false },
);

/** Every limit must be at least 1: what is to be off has a setting of its own. */
const limits = Object.fromEntries(
  Object.entries(defaultLimits).map(([name, value]) => [
    name,
    Type.Integer({ default: value, minimum: 1, maximum: Number.MAX_SAFE_INTEGER }),
  ]),
) as { [name in keyof Limits]: TInteger };

/**
 * Every setting of the server, with its default and what it is for: the one source of the flags, the environment
 * variables, the file, `switchboard.example.json` and `docs/config.md`. Times are ms, sizes bytes.
 */
export const Settings = Type.Object({
  port: Type.Integer({
    default: 8080,
    minimum: 0,
    maximum: 65_535,
    description: "Port; 0 takes a free one.",
  }),
  host: text("", "Address to listen on. Empty: every IPv4 address; in development mode 127.0.0.1."),
  node: text("", "This node's name, unique in its cluster. Empty: the host's name."),
  dev: flag(
    false,
    "Development mode: `dev:alice` is alice's token, with all grants. Serves this machine only; never behind a proxy.",
  ),
  tokens: Type.Object(
    {
      secret: secret("Shared secret of HS256 tokens, 32 characters or more."),
      publicKey: text("", "Public key of EdDSA, ES256 or RS256 tokens: PEM, or the path of a PEM file."),
      jwksUrl: text(
        "",
        "Where the keys of tokens are published as a JWK Set; https, or http on this machine.",
      ),
      issuer: text("switchboard", "What the `iss` of every token must be."),
      audience: text("switchboard", "What the `aud` of every token must be or contain."),
    },
    { description: "Who may sign in. At least one key, or development mode." },
  ),
  allowedOrigins: texts(
    ["self"],
    "Origins whose pages may connect, such as `https://app.example.com`; `self`: pages of this server, `*`: any.",
  ),
  trustedProxies: texts([], "Addresses and ranges of proxies whose `X-Forwarded-For` is believed."),
  reusePort: flag(
    false,
    "Lets several processes listen on the port; the kernel deals connections out to them.",
  ),
  tls: Type.Object(
    {
      cert: text("", "Path of the certificate chain (PEM). Both files are read again when they change."),
      key: text("", "Path of its private key (PEM)."),
    },
    { description: "TLS of the port. Empty: plain HTTP, for this machine or behind a proxy that ends TLS." },
  ),
  iceServers: Type.Array(IceServer, {
    default: [],
    description:
      "STUN and TURN servers that every device is told, as `RTCIceServer` objects with `urls` as a list.",
  }),
  turn: Type.Object(
    {
      embedded: flag(true, "Runs the STUN and TURN server in this process, unless `external` names others."),
      external: texts(
        [],
        "URLs of other TURN servers, such as coturn's, that devices are told instead; `switchboard coturn-config` prints a configuration.",
      ),
      secret: secret(
        "Secret of the time-limited credentials (TURN REST), shared with external servers. Empty: random.",
      ),
      host: text(
        "",
        "Name or address in the URLs that devices are told. Empty: the address that relays are told by.",
      ),
      listen: texts([], "Addresses to listen on. Empty: all of this machine; in development mode 127.0.0.1."),
      udpPort: port(3_478, "Port of STUN and TURN over UDP; 0 takes a free one."),
      tcpPort: port(
        3_478,
        "Port of TURN over TCP; 0 takes a free one. TURN over TLS is on the server's own port where that has TLS.",
      ),
      publicAddresses: texts(
        [],
        "What clients are told for relays behind NAT, one IPv4 and one IPv6 address. Empty: detected.",
      ),
      relayFirstPort: port(49_160, "First port of relays."),
      relayLastPort: port(49_659, "Last port of relays."),
      workers: Type.Integer({
        default: 1,
        minimum: 1,
        maximum: 64,
        description: "Threads, each with its own ports: the first, the next…; devices are spread over them.",
      }),
      realm: text("turn", "Realm of the credentials."),
      allowPeers: texts(
        [],
        "Ranges of private or reserved addresses that relays may reach, such as `10.1.0.0/16`.",
      ),
      denyPeers: texts([], "Ranges that they may not reach, beside those that nobody may."),
      strictExpiry: flag(false, "Ends an allocation when its credential expires, not only at the next one."),
      ttl: Type.Integer({
        default: 3_600_000,
        minimum: 60_000,
        maximum: 86_400_000 * 7,
        description: "Life of a credential; it is renewed before.",
      }),
    },
    { description: "STUN and TURN: for calls that find no direct path." },
  ),
  rooms: Type.Array(RoomRule, {
    default: [],
    description:
      "Rules of rooms; the first whose `match` covers the room counts: `{match: room:visit-*, lobby, size, opens, closes}`.",
  }),
  page: flag(true, "Serves the page at `/` and the SDK at `/client.js`."),
  metricsToken: secret("If set, `/metrics` asks for it as `Authorization: Bearer …`."),
  ticketKey: secret(
    "Seals session tickets; the same on every node. Empty: random, so that tickets die with the process.",
  ),
  drain: milliseconds(30_000, "How long SIGTERM lets devices go elsewhere before the process ends."),
  log: Type.Object(
    {
      level: Type.Enum(["trace", "debug", "info", "warn", "error", "silent"], {
        default: "info",
        description: "`trace`, `debug`, `info`, `warn`, `error` or `silent`.",
      }),
      format: Type.Enum(["auto", "json", "pretty"], {
        default: "auto",
        description: "`json`, `pretty`, or `auto`: pretty on a terminal.",
      }),
    },
    { description: "Logs, on standard output." },
  ),
  limits: Type.Object(limits, { description: "Every bound of the protocol." }),
});

/** The settings of a server, all of them, checked. */
export type Settings = Static<typeof Settings>;

/** Settings as one writes them: what is absent has its default. */
export type SettingsInput = {
  readonly [name in keyof Settings]?: Settings[name] extends readonly unknown[]
    ? Settings[name]
    : Partial<Settings[name]>;
};
