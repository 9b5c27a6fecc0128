import { TrustedProxies } from "../net/trusted-proxies.ts";
import { isId, parseAddress } from "../protocol/address.ts";
import { isAddressPattern } from "../protocol/address-pattern.ts";
import { grantNames } from "../signaling/grants.ts";
import { parseIceUrl } from "../turn/shell/ice-url.ts";
import { parseNatsUrl } from "./nats-url.ts";
import type { Settings } from "./schema.ts";

const secretLength = 32;

/** What no schema can say of the settings: one line about the first that makes no sense, or undefined. */
export function checkTogether(settings: Settings): string | undefined {
  return (
    checkTokens(settings) ??
    checkCredentials(settings) ??
    checkTls(settings) ??
    checkTurn(settings) ??
    checkOrigins(settings) ??
    checkProxies(settings) ??
    checkRooms(settings) ??
    checkCluster(settings)
  );
}

/** True when tokens can be verified outside of development mode. */
export function hasKeys({ tokens }: Settings): boolean {
  return tokens.secret !== "" || tokens.publicKey !== "" || tokens.jwksUrl !== "";
}

function checkTokens({ tokens }: Settings): string | undefined {
  if (tokens.secret !== "" && tokens.secret.length < secretLength)
    return `setting tokens.secret: must have at least ${secretLength} characters; \`openssl rand -base64 32\` makes a good one`;
  if (tokens.jwksUrl !== "" && !isSafeUrl(tokens.jwksUrl))
    return "setting tokens.jwksUrl: must be an https URL, or http on this machine";
  if (tokens.issuer === "") return "setting tokens.issuer: must not be empty";
  if (tokens.audience === "") return "setting tokens.audience: must not be empty";
  return undefined;
}

function checkCredentials({ credentials }: Settings): string | undefined {
  const { key, formerKey, realm, grants, stored, versions } = credentials;
  for (const [name, one] of Object.entries({ key, formerKey }))
    if (one !== "" && one.length < secretLength)
      return `setting credentials.${name}: must have at least ${secretLength} characters`;
  if (/["\\\p{C}]/u.test(realm) || realm === "")
    return "setting credentials.realm: must not be empty, or hold quotes and backslashes";
  const wrongGrant = [...grants, ...stored.flatMap((one) => one.grants)].find((one) => !isGrantText(one));
  if (wrongGrant !== undefined)
    return `setting credentials: ${wrongGrant} is no grant; write it like call=bob or call=*`;
  const wrong = [...stored, ...versions].find(({ login }) => !/^[^:]+$/.test(login) || !parseAddress(login));
  if (wrong !== undefined) return `setting credentials: ${wrong.login} is no user, and no device of one`;
  const logins = stored.map(({ login }) => login);
  const twice = logins.find((login, index) => logins.indexOf(login) !== index);
  return twice === undefined ? undefined : `setting credentials.stored: ${twice} is there twice`;
}

function isGrantText(text: string): boolean {
  const equals = text.indexOf("=");
  const names: readonly string[] = grantNames;
  return names.includes(text.slice(0, equals)) && isAddressPattern(text.slice(equals + 1));
}

function checkTls({ tls }: Settings): string | undefined {
  if (tls.cert !== "" && tls.key === "") return "setting tls.key: missing, though tls.cert is set";
  if (tls.key !== "" && tls.cert === "") return "setting tls.cert: missing, though tls.key is set";
  return undefined;
}

function checkTurn({ turn, iceServers }: Settings): string | undefined {
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
  const wrongIce = iceServers.flatMap(({ urls }) => urls).find((url) => !/^(stun|turn)s?:\S+$/.test(url));
  if (wrongIce !== undefined) return `setting iceServers: ${wrongIce} is no stun:, turn: or turns: URL`;
  return undefined;
}

function checkOrigins({ allowedOrigins }: Settings): string | undefined {
  const wrong = allowedOrigins.find(
    (origin) =>
      origin !== "self" && origin !== "*" && !(URL.canParse(origin) && new URL(origin).origin === origin),
  );
  return wrong === undefined
    ? undefined
    : `setting allowedOrigins: ${wrong} is no origin; write it like https://app.example.com, without a path`;
}

function checkProxies({ trustedProxies }: Settings): string | undefined {
  try {
    new TrustedProxies(trustedProxies);
    return undefined;
  } catch (error) {
    return `setting trustedProxies: ${(error as Error).message}`;
  }
}

function checkRooms({ rooms }: Settings): string | undefined {
  const wrong = rooms.find(({ match }) => !isAddressPattern(match));
  return wrong === undefined ? undefined : `setting rooms: ${wrong.match} is no address pattern of rooms`;
}

function checkCluster({ node, nats, ticketKey, workers }: Settings): string | undefined {
  if (node !== "" && !isId(node))
    return "setting node: must have 1 to 128 characters, none of them white space, / : or *";
  // A URL may hold a password: it is not shown.
  const wrong = nats.url.findIndex((url) => parseNatsUrl(url) === undefined);
  if (wrong >= 0)
    return `setting nats.url: the ${ordinal(wrong)} is no nats: or tls: URL, such as nats://10.0.0.5:4222`;
  if (!/^[\w-]{1,64}$/.test(nats.prefix))
    return "setting nats.prefix: must have 1 to 64 letters, digits, _ or -";
  if (nats.tls.cert !== "" && nats.tls.key === "")
    return "setting nats.tls.key: missing, though nats.tls.cert is set";
  if (nats.tls.key !== "" && nats.tls.cert === "")
    return "setting nats.tls.cert: missing, though nats.tls.key is set";
  if (workers > 1 && nats.url.length === 0)
    return "setting workers: needs nats.url (NATS_URL): workers reach each other over NATS, see docs/cluster.md";
  // The workers of one machine are given one.
  if (nats.url.length > 0 && ticketKey === "" && workers === 1)
    return "setting ticketKey: missing, though nats.url is set: every node needs the same; `openssl rand -base64 32` makes one";
  return undefined;
}

function ordinal(index: number): string {
  return ["first", "second", "third"][index] ?? `${index + 1}th`;
}

function isSafeUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname } = new URL(text);
  return (
    protocol === "https:" || (protocol === "http:" && ["localhost", "127.0.0.1", "[::1]"].includes(hostname))
  );
}
