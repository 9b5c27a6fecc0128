import { fail, ok, type Result } from "../../shared/result.ts";
import type { SrtpProfile } from "../srtp/profile.ts";
import { ByteReader, concat, copyOf, readU16List, u8, u16, vector8, vector16 } from "./bytes.ts";
import { clientSuites, renegotiationScsv } from "./cipher-suite.ts";
import { type Extensions, encodeExtensions, extensionType, readExtensions } from "./extensions.ts";
import type { FailureReason } from "./failure.ts";
import { groups } from "./group.ts";
import { dtls12 } from "./record.ts";
import { signatureSchemes } from "./signature-scheme.ts";
import { encodeUseSrtp, parseUseSrtp } from "./srtp-profile.ts";

/** Where the random stands in the body. */
const randomAt = 2;
export const randomBytes = 32;
const maxSessionIdBytes = 32;
const uncompressed = 0;

/** What a client offers, of what we know. Numbers that we don't know (GREASE, ML-KEM, TLS 1.3) are among the others. */
export interface ClientHello {
  /** A copy. */
  readonly random: Uint8Array;
  readonly suites: readonly number[];
  readonly groups: readonly number[];
  readonly signatureSchemes: readonly number[];
  readonly srtpProfiles: readonly number[];
  readonly hasPointFormats: boolean;
  /** It knows RFC 5746, by extension or SCSV, so it expects an answer. */
  readonly hasRenegotiationInfo: boolean;
}

/** The random of a ClientHello, for telling a repeat from a new one. A view; shorter when the body is too short. */
export function randomOf(body: Uint8Array): Uint8Array {
  return body.subarray(randomAt, randomAt + randomBytes);
}

/** The body of our ClientHello. */
export function encodeClientHello(
  random: Uint8Array,
  cookie: Uint8Array,
  profiles: readonly SrtpProfile[],
): Uint8Array {
  return concat(
    u16(dtls12),
    random,
    vector8(),
    vector8(cookie),
    vector16(u16(...clientSuites.map(({ number }) => number))),
    vector8(u8(0)),
    encodeExtensions([
      [extensionType.extendedMasterSecret, new Uint8Array(0)],
      [extensionType.renegotiationInfo, vector8()],
      [extensionType.supportedGroups, vector16(u16(...groups))],
      [extensionType.pointFormats, vector8(u8(uncompressed))],
      [extensionType.signatureAlgorithms, vector16(u16(...signatureSchemes))],
      [extensionType.useSrtp, encodeUseSrtp(profiles)],
    ]),
  );
}

/**
 * Parses a ClientHello and checks what we insist on: DTLS 1.2, extended master secret, null compression, no renegotiation. A session id
 * and a cookie are skipped, as nothing is ever resumed and no cookie was given.
 */
export function parseClientHello(body: Uint8Array): Result<ClientHello, FailureReason> {
  const reader = new ByteReader(body);
  const version = reader.u16();
  const random = copyOf(reader.bytes(randomBytes));
  const sessionId = reader.vector8();
  reader.vector8();
  const suites = readU16List(reader.vector16());
  const compression = reader.vector8();
  const extensions = readExtensions(reader);
  if (extensions === undefined || !reader.complete || suites === undefined) return fail("malformed");
  if (sessionId.length > maxSessionIdBytes) return fail("malformed");
  if (version !== dtls12) return fail("version");
  if (!compression.includes(0)) return fail("compression");
  const versions = offeredVersions(extensions);
  if (versions === undefined) return fail("malformed");
  if (!versions.includes(dtls12)) return fail("version");

  const extended = extensions.get(extensionType.extendedMasterSecret);
  if (extended === undefined) return fail("extendedMasterSecret");
  if (extended.length > 0) return fail("malformed");
  const renegotiation = extensions.get(extensionType.renegotiationInfo);
  if (renegotiation !== undefined && !isEmptyRenegotiationInfo(renegotiation)) return fail("renegotiation");

  const pointFormats = extensions.get(extensionType.pointFormats);
  if (pointFormats !== undefined && !hasUncompressed(pointFormats)) return fail("extension");
  const offeredGroups = list(extensions, extensionType.supportedGroups);
  const offeredSchemes = list(extensions, extensionType.signatureAlgorithms);
  if (offeredGroups === undefined || offeredSchemes === undefined) return fail("malformed");
  const useSrtp = extensions.get(extensionType.useSrtp);
  if (useSrtp === undefined) return fail("srtpProfile");
  const srtp = parseUseSrtp(useSrtp);
  if (srtp === undefined) return fail("malformed");
  return ok({
    random,
    suites,
    groups: offeredGroups,
    signatureSchemes: offeredSchemes,
    srtpProfiles: srtp.profiles,
    hasPointFormats: pointFormats !== undefined,
    hasRenegotiationInfo: renegotiation !== undefined || suites.includes(renegotiationScsv),
  });
}

/** The value of renegotiation_info in a first handshake: an empty vector (RFC 5746 §3.4). */
export function isEmptyRenegotiationInfo(value: Uint8Array): boolean {
  return value.length === 1 && value[0] === 0;
}

/** True for a well-formed list of point formats with the one that everybody must know (RFC 8422 §5.1.2). */
export function hasUncompressed(value: Uint8Array): boolean {
  const reader = new ByteReader(value);
  const formats = reader.vector8();
  return reader.complete && formats.includes(uncompressed);
}

/** supported_versions where it is there (RFC 9147 §5.4); else the version of the hello itself was meant. */
function offeredVersions(extensions: Extensions): number[] | undefined {
  const value = extensions.get(extensionType.supportedVersions);
  if (value === undefined) return [dtls12];
  const reader = new ByteReader(value);
  const versions = readU16List(reader.vector8());
  return reader.complete ? versions : undefined;
}

/** An extension with a list of 16-bit numbers; empty when it is not there, undefined when it is malformed. */
function list(extensions: Extensions, type: number): number[] | undefined {
  const value = extensions.get(type);
  if (value === undefined) return [];
  const reader = new ByteReader(value);
  const numbers = readU16List(reader.vector16());
  return reader.complete ? numbers : undefined;
}
