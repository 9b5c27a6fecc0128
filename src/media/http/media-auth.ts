import type { HttpProblem } from "../../net/problem.ts";
import { covers } from "../../protocol/address-pattern.ts";
import type { WireError } from "../../protocol/error-codes.ts";
import { fail, ok, type Result } from "../../shared/result.ts";
import { permits } from "../../signaling/grants.ts";
import type { Identity } from "../../signaling/ports.ts";
import type { MediaIdentity } from "../service.ts";
import type { Authenticate } from "./media-http.ts";
import { isLinkToken, verifyLink } from "./signed-link.ts";

/** How credentials of each kind are checked. */
export interface MediaAuthPorts {
  /** A token as `hello` takes it. */
  verify(token: string): Promise<Result<Identity, WireError>>;
  /** The device of a login, such as `alice/desk`; undefined for an unknown one. */
  account(login: string): { readonly identity: Identity; matches(secret: string): boolean } | undefined;
  /** The stream that a stream key is for; undefined for one that is unknown or revoked. */
  streamKey(key: string): { readonly id: string; readonly stream: string } | undefined;
  /** Unix time in ms, of a clock that never goes back, and how far the system's clock, by which links are dated, is ahead of it. */
  now(): number;
  ahead(): number;
  /** An unguessable text of this many random bytes, base64url. */
  random(bytes: number): string;
}

export interface MediaAuthRules {
  /** Patterns of the names of streams that anybody may view; `*` for all. */
  readonly public: readonly string[];
  /** The first signs links, all of them verify. */
  readonly linkKeys: readonly Uint8Array[];
}

/** The user that publishes with a stream key, for metrics, logs and kicks. */
export function keyHolder(id: string): string {
  return `key-${id}`;
}

/** How every stream key begins. */
export const streamKeyPrefix = "sk_";
const longestCredential = 8_192;
/** Of what is revoked, and doesn't expire. */
const never = Number.POSITIVE_INFINITY;

/**
 * Authenticates publishers and viewers: by a token or a device secret whose grants cover the stream, by a stream key, by a signed link,
 * or, for public streams, not at all. Credentials come in the Authorization header (Bearer, and Basic for device secrets); the token of a
 * link may come in the query instead, as `?token=`.
 */
export function mediaAuth(ports: MediaAuthPorts, rules: MediaAuthRules): Authenticate {
  return async (request, stream, action) => {
    const header = request.headers.get("authorization");
    if (header === null) {
      const token = new URL(request.url).searchParams.get("token");
      if (token !== null) return byLink(token, stream, action);
      if (action === "view" && isPublic(stream)) return ok(guest(`guest-${ports.random(6)}`, stream, action));
      return unauthorized("Send a token, a stream key or a signed link: Authorization: Bearer TOKEN.");
    }
    const [, scheme, credential] = /^(bearer|basic) +(\S+)$/i.exec(header.trim()) ?? [];
    if (scheme === undefined || credential === undefined || credential.length > longestCredential)
      return unauthorized(
        "The Authorization header must be Bearer TOKEN, or Basic with a device's login and secret.",
      );
    if (scheme.toLowerCase() === "basic") return byDeviceSecret(credential, stream, action);
    if (isLinkToken(credential)) return byLink(credential, stream, action);
    if (credential.startsWith(streamKeyPrefix)) return byStreamKey(credential, stream, action);
    const identity = await ports.verify(credential);
    return identity.ok ? permitted(identity.value, stream, action) : refused(identity.error);
  };

  function isPublic(stream: string): boolean {
    const patterns = rules.public.map((pattern) => `stream:${pattern}`);
    return covers(patterns, { kind: "stream", name: stream });
  }

  function byDeviceSecret(credential: string, stream: string, action: Action): Authenticated {
    const text = decodeBase64(credential);
    const colon = text?.indexOf(":") ?? -1;
    const account = text === undefined || colon < 0 ? undefined : ports.account(text.slice(0, colon));
    if (text === undefined || account === undefined || !account.matches(text.slice(colon + 1)))
      return unauthorized("The login or the device secret is wrong.");
    return permitted({ ...account.identity, expires: never }, stream, action);
  }

  function byStreamKey(key: string, stream: string, action: Action): Authenticated {
    const known = ports.streamKey(key);
    if (known === undefined) return unauthorized("The stream key is unknown, or has been revoked.");
    if (known.stream !== stream) return forbidden("The stream key is for another stream.");
    if (action !== "publish") return forbidden("A stream key is for publishing only.");
    return ok({ ...guest(keyHolder(known.id), stream, action), guest: false });
  }

  function byLink(token: string, stream: string, action: Action): Authenticated {
    const rights = verifyLink(rules.linkKeys, token, stream);
    if (rights === undefined) return unauthorized("The link is not signed for this stream by this server.");
    const expires = rights.expires * 1_000 - ports.ahead();
    if (expires <= ports.now()) return unauthorized("The link has expired.");
    if (rights.action !== action)
      return forbidden(`The link is not for ${action === "view" ? "viewing" : "publishing"}.`);
    return ok({ ...guest(`link-${token.slice(-12)}`, stream, action), expires });
  }

  /** Somebody who is known by nothing but what they may do. */
  function guest(user: string, stream: string, action: Action): MediaIdentity {
    return { user, grants: { [action]: [`stream:${stream}`] }, guest: true, expires: never };
  }
}

type Action = "publish" | "view";
type Authenticated = Result<MediaIdentity, HttpProblem>;

function permitted(identity: Identity, stream: string, action: Action): Authenticated {
  if (!permits(identity.grants, action, { kind: "stream", name: stream }))
    return forbidden(`No grant covers this: it takes ${action} on stream:${stream}.`);
  const { user, device, grants, guest, expires } = identity;
  return ok({
    user,
    ...(device === undefined ? {} : { device }),
    grants,
    ...(guest === undefined ? {} : { guest }),
    expires,
  });
}

function refused({ message, temporary, retryAfter = 2_000 }: WireError): Authenticated {
  return temporary
    ? fail({ status: 503, detail: message, headers: { "Retry-After": `${Math.ceil(retryAfter / 1_000)}` } })
    : unauthorized(message);
}

/** RFC 6750 §3 */
function unauthorized(detail: string): Authenticated {
  return fail({ status: 401, detail, headers: { "WWW-Authenticate": 'Bearer realm="switchboard"' } });
}

function forbidden(detail: string): Authenticated {
  return fail({ status: 403, detail });
}

function decodeBase64(text: string): string | undefined {
  try {
    return new TextDecoder().decode(Uint8Array.from(atob(text), (character) => character.charCodeAt(0)));
  } catch {
    return undefined;
  }
}
