import { fail, ok, type Result } from "../../shared/result.ts";
import { ByteReader, concat, copyOf, readU16List, u8, u16, vector8, vector16, vector24 } from "./bytes.ts";
import { type PublicKey, publicKeyOf } from "./certificate.ts";
import type { DtlsCrypto } from "./crypto.ts";
import type { FailureReason } from "./failure.ts";
import { type Fingerprint, matchesFingerprint } from "./fingerprint.ts";
import { dtls12 } from "./record.ts";
import { ownScheme, schemeFor, signatureSchemes } from "./signature-scheme.ts";

const namedCurve = 3;
const certificateType = { rsaSign: 1, ecdsaSign: 64 } as const;
/** HelloVerifyRequest may name the older version, whatever is negotiated (RFC 6347 §4.2.1). */
const helloVerifyVersions: readonly number[] = [dtls12, 0xfeff];

/** The cookie of a HelloVerifyRequest, a copy; undefined when it is malformed. */
export function parseHelloVerifyRequest(body: Uint8Array): Uint8Array | undefined {
  const reader = new ByteReader(body);
  const version = reader.u16();
  const cookie = reader.vector8();
  return reader.complete && helloVerifyVersions.includes(version) ? copyOf(cookie) : undefined;
}

/** A Certificate message with one certificate. */
export function encodeCertificate(der: Uint8Array): Uint8Array {
  return vector24(vector24(der));
}

/** The key of the first certificate, where its fingerprint is among those signaled. Others in the list mean nothing. */
export function parseCertificate(
  body: Uint8Array,
  fingerprints: readonly Fingerprint[],
  crypto: DtlsCrypto,
): Result<PublicKey, FailureReason> {
  const reader = new ByteReader(body);
  const list = new ByteReader(reader.vector24());
  if (reader.complete && list.left === 0) return fail("certificate");
  const der = list.vector24();
  while (list.left > 0) list.vector24();
  if (!reader.complete || !list.complete) return fail("malformed");
  if (!matchesFingerprint(der, fingerprints, crypto)) return fail("fingerprint");
  const key = publicKeyOf(der);
  return key === undefined ? fail("certificate") : ok(key);
}

/** What a server signs: its ephemeral key and group (RFC 8422 §5.4). */
export function encodeKeyParameters(group: number, publicKey: Uint8Array): Uint8Array {
  return concat(u8(namedCurve), u16(group), vector8(publicKey));
}

export function encodeServerKeyExchange(parameters: Uint8Array, signature: Uint8Array): Uint8Array {
  return concat(parameters, encodeSigned(signature));
}

/** A server's ephemeral key, and its signature of `parameters`. Views into the body. */
export interface ServerKeyExchange {
  readonly group: number;
  readonly publicKey: Uint8Array;
  readonly parameters: Uint8Array;
  readonly scheme: number;
  readonly signature: Uint8Array;
}

export function parseServerKeyExchange(body: Uint8Array): Result<ServerKeyExchange, FailureReason> {
  const reader = new ByteReader(body);
  const curveType = reader.u8();
  const group = reader.u16();
  const publicKey = reader.vector8();
  const parameters = body.subarray(0, reader.position);
  const scheme = reader.u16();
  const signature = reader.vector16();
  if (!reader.complete) return fail("malformed");
  if (curveType !== namedCurve) return fail("group");
  return ok({ group, publicKey, parameters, scheme, signature });
}

/** The request for a certificate of any kind that we take, from no authority in particular. */
export const certificateRequest: Uint8Array = concat(
  vector8(Uint8Array.of(certificateType.ecdsaSign, certificateType.rsaSign)),
  vector16(u16(...signatureSchemes)),
  vector16(),
);

/** Undefined where the request is well-formed and a certificate like ours answers it (RFC 5246 §7.4.4). */
export function checkCertificateRequest(body: Uint8Array): FailureReason | undefined {
  const reader = new ByteReader(body);
  const types = reader.vector8();
  const schemes = readU16List(reader.vector16());
  const authorities = new ByteReader(reader.vector16());
  while (authorities.left > 0) authorities.vector16();
  if (!reader.complete || !authorities.complete || schemes === undefined) return "malformed";
  return types.includes(certificateType.ecdsaSign) && schemes.includes(ownScheme)
    ? undefined
    : "certificateRequest";
}

export function encodeClientKeyExchange(publicKey: Uint8Array): Uint8Array {
  return vector8(publicKey);
}

/** The client's ephemeral key, a view; undefined when it is malformed. */
export function parseClientKeyExchange(body: Uint8Array): Uint8Array | undefined {
  const reader = new ByteReader(body);
  const publicKey = reader.vector8();
  return reader.complete ? publicKey : undefined;
}

/** A signature of our key, as CertificateVerify has it. */
export function encodeSigned(signature: Uint8Array): Uint8Array {
  return concat(u16(ownScheme), vector16(signature));
}

/** Undefined where the body of a CertificateVerify is the key's signature of the data. */
export function checkCertificateVerify(
  body: Uint8Array,
  key: PublicKey,
  data: readonly Uint8Array[],
  crypto: DtlsCrypto,
): FailureReason | undefined {
  const reader = new ByteReader(body);
  const scheme = reader.u16();
  const signature = reader.vector16();
  return reader.complete ? checkSignature(scheme, key, data, signature, crypto) : "malformed";
}

/** Undefined where the key signed the data by a scheme that we offered. */
export function checkSignature(
  scheme: number,
  key: PublicKey,
  data: readonly Uint8Array[],
  signature: Uint8Array,
  crypto: DtlsCrypto,
): FailureReason | undefined {
  const known = schemeFor(scheme, key.type);
  if (known === undefined) return "signatureScheme";
  return crypto.verify(known, key.spki, data, signature) ? undefined : "signature";
}
