import { type Static, type TInteger, Type } from "typebox";
import { defaultLimits, type Limits } from "../protocol/limits.ts";
import { IceServer, RoomPolicy } from "../protocol/values.ts";
import { CredentialSettings } from "./credentials-schema.ts";
import { flag, milliseconds, port, secret, secretTexts, text, texts } from "./leaf.ts";
import { SipSettings } from "./sip-schema.ts";
import { TurnSettings } from "./turn-schema.ts";

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
  port: port(8080, "Port; 0 takes a free one."),
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
  credentials: CredentialSettings,
  allowedOrigins: texts(
    ["self"],
    "Origins whose pages may connect, such as `https://app.example.com`; `self`: pages of this server, `*`: any.",
  ),
  trustedProxies: texts([], "Addresses and ranges of proxies whose `X-Forwarded-For` is believed."),
  reusePort: flag(
    false,
    "Lets several processes listen on the port; the kernel deals connections out to them. There is no TURN over TLS on it then.",
  ),
  workers: Type.Integer({
    default: 1,
    minimum: 1,
    maximum: 64,
    description:
      "Processes that serve the port together, each a node of the cluster: docs/cluster.md. Linux only.",
  }),
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
  turn: TurnSettings,
  sip: SipSettings,
  nats: Type.Object(
    {
      url: secretTexts(
        "NATS servers, such as `nats://10.0.0.5:4222`; `tls://` asks for TLS, and `user:password@` or `token@` may stand before the host. Empty: this node is alone.",
      ),
      creds: text("", "Path of a `.creds` file of NATS (JWT and seed)."),
      nkey: text("", "Path of a file with the seed of an NKey."),
      tls: Type.Object(
        {
          ca: text(
            "",
            "Path of the certificate authorities (PEM) that NATS is trusted by. Empty: the system's.",
          ),
          cert: text("", "Path of our own certificate (PEM), for servers that ask for one."),
          key: text("", "Path of its private key (PEM)."),
        },
        { description: "TLS to NATS; any of these asks for it." },
      ),
      prefix: text("sb", "First token of every subject: two clusters on one NATS need two."),
    },
    { description: "What joins the nodes of a cluster: docs/cluster.md." },
  ),
  rooms: Type.Array(RoomRule, {
    default: [],
    description:
      "Rules of rooms; the first whose `match` covers the room counts: `{match: room:visit-*, lobby, size, opens, closes}`.",
  }),
  page: flag(true, "Serves the page at `/` and the SDK at `/client.js`."),
  admin: Type.Object(
    {
      port: port(
        0,
        "Port that answers `/health`, `/metrics` and `POST /admin/drain`; the n-th worker has the n-th from it. 0: none.",
      ),
      host: text("127.0.0.1", "Address that it listens on."),
    },
    {
      description: "A second port for operators, for when the first is shared by several workers, or public.",
    },
  ),
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
