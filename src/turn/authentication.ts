import { attribute } from "../wire/stun/attribute-type.ts";
import type { StunCrypto } from "../wire/stun/crypto.ts";
import { errorCode } from "../wire/stun/error-code.ts";
import { checkIntegrity, type IntegrityKind } from "../wire/stun/integrity.ts";
import type { StunMessage } from "../wire/stun/message.ts";
import {
  decodePasswordAlgorithms,
  encodePasswordAlgorithms,
  passwordAlgorithm,
} from "../wire/stun/password-algorithms.ts";
import { decodeText } from "../wire/stun/text.ts";
import type { TransportAddress } from "../wire/stun/transport-address.ts";
import type { Account, Credentials } from "./credentials.ts";
import type { Nonces } from "./nonces.ts";
import type { Rule } from "./stats.ts";

/** The proven sender of a request, and how to protect the answer. */
export interface Identity {
  readonly username: string;
  /** The device or static user, and the user whose device it is. */
  readonly user: string;
  readonly owner: string;
  /** Guests have smaller quotas. */
  readonly guest: boolean;
  readonly key: Uint8Array;
  readonly algorithm: number;
  readonly kind: IntegrityKind;
  /** Unix ms. */
  readonly expiresAt: number;
}

/** Why a request is not authenticated. The answer has no integrity, because there is no key for it. */
export interface Refusal {
  readonly code: number;
  readonly rule: Rule;
  /** The answer has realm, nonce and algorithms, so that the client can try again. */
  readonly challenge: boolean;
  /** The request has a nonce that was given to its source, if long ago: its address isn't forged. */
  readonly returned?: true;
  /** The user name that the request gives, where its credentials are wrong or have expired. */
  readonly named?: string;
}

const none = new Uint8Array(0);

/** The value of PASSWORD-ALGORITHMS in each challenge. Clients return it, against bid-down attacks (RFC 8489 §9.2.4). */
export const offeredAlgorithms = encodePasswordAlgorithms([
  { number: passwordAlgorithm.md5, parameters: none },
  { number: passwordAlgorithm.sha256, parameters: none },
]);

const unauthenticated: Refusal = {
  code: errorCode.unauthenticated,
  rule: "unauthenticated",
  challenge: true,
};
const staleNonce: Refusal = { code: errorCode.staleNonce, rule: "stale_nonce", challenge: true };
const badRequest: Refusal = { code: errorCode.badRequest, rule: "bad_request", challenge: false };

/** The long-term credential mechanism (RFC 8489 §9.2). It keeps no state of clients that fail. */
export class Authentication {
  readonly #credentials: Credentials;
  readonly #nonces: Nonces;
  readonly #crypto: StunCrypto;
  readonly #strictExpiry: boolean;

  /** `strictExpiry`: refuse requests of an existing allocation too once its credential has expired, not only new allocations. */
  constructor(credentials: Credentials, nonces: Nonces, crypto: StunCrypto, strictExpiry: boolean) {
    this.#credentials = credentials;
    this.#nonces = nonces;
    this.#crypto = crypto;
    this.#strictExpiry = strictExpiry;
  }

  /** Who sent a request from `source`, or why it is refused. `known`: the identity of the source's allocation, if it has one. */
  check(
    request: StunMessage,
    source: TransportAddress,
    known: Identity | undefined,
    now: number,
  ): Identity | Refusal {
    const kind = request.has(attribute.messageIntegritySha256) ? "sha256" : "sha1";
    if (kind === "sha1" && !request.has(attribute.messageIntegrity)) return unauthenticated;
    const nonce = request.value(attribute.nonce);
    if (nonce === undefined || !request.has(attribute.realm)) return badRequest;
    // Check the nonce first: a request out of the blue then costs one HMAC and touches no secret.
    const age = this.#nonces.check(nonce, source, now);
    if (age === undefined) return staleNonce;
    if (age === "stale") return { ...staleNonce, returned: true };
    const checked = this.#checkUser(request, kind, known, now);
    return "challenge" in checked ? { ...checked, returned: true } : checked;
  }

  #checkUser(
    request: StunMessage,
    kind: IntegrityKind,
    known: Identity | undefined,
    now: number,
  ): Identity | Refusal {
    const algorithm = chosenAlgorithm(request);
    if (algorithm === undefined) return badRequest;
    const named = this.#username(request);
    if (named === undefined) return badRequest;
    if (named === "") return unauthenticated;

    if (known !== undefined && known.username === named && known.algorithm === algorithm) {
      if (this.#strictExpiry && known.expiresAt <= now) return { ...unauthenticated, named };
      return checkIntegrity(request, kind, known.key, this.#crypto)
        ? { ...known, kind }
        : { ...unauthenticated, named };
    }
    const account = this.#credentials.find(named, now);
    return (
      (account && this.#prove(request, kind, algorithm, named, account)) ?? { ...unauthenticated, named }
    );
  }

  #prove(
    request: StunMessage,
    kind: IntegrityKind,
    algorithm: number,
    username: string,
    { user, owner, guest, expiresAt, keys }: Account,
  ): Identity | undefined {
    for (const key of keys(algorithm))
      if (checkIntegrity(request, kind, key, this.#crypto))
        return { username, user, owner, guest, key, algorithm, kind, expiresAt };
    return undefined;
  }

  /** The name. Undefined if there is none, empty if no user has it. */
  #username(request: StunMessage): string | undefined {
    const name = request.value(attribute.username);
    if (name !== undefined) return name.length > 763 ? undefined : (decodeText(name)?.normalize("NFC") ?? "");
    const hash = request.value(attribute.userhash);
    return hash && (this.#credentials.findHash(hash) ?? "");
  }
}

/** The algorithm that the client chose. It must return our offer unchanged, because each nonce says that we support it. */
function chosenAlgorithm(request: StunMessage): number | undefined {
  const one = request.value(attribute.passwordAlgorithm);
  const offer = request.value(attribute.passwordAlgorithms);
  if (one === undefined && offer === undefined) return passwordAlgorithm.md5;
  if (one === undefined || offer === undefined || !sameBytes(offer, offeredAlgorithms)) return undefined;
  const chosen = decodePasswordAlgorithms(one);
  const number = chosen?.length === 1 ? chosen[0]?.number : undefined;
  return number === passwordAlgorithm.md5 || number === passwordAlgorithm.sha256 ? number : undefined;
}

function sameBytes(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, at) => byte === other[at]);
}
