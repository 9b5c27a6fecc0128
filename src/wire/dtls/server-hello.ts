import { fail, ok, type Result } from "../../shared/result.ts";
import type { SrtpProfile } from "../srtp/profile.ts";
import { ByteReader, concat, copyOf, u8, u16, vector8 } from "./bytes.ts";
import { type CipherSuite, clientSuites } from "./cipher-suite.ts";
import { type ClientHello, hasUncompressed, isEmptyRenegotiationInfo, randomBytes } from "./client-hello.ts";
import { encodeExtensions, extensionType, readExtensions } from "./extensions.ts";
import type { FailureReason } from "./failure.ts";
import { dtls12 } from "./record.ts";
import { encodeUseSrtp, parseUseSrtp } from "./srtp-profile.ts";

const maxSessionIdBytes = 32;
/** The extensions of our ClientHello: a server may answer these and no others (RFC 5246 §7.4.1.4). */
const offered: ReadonlySet<number> = new Set([
  extensionType.supportedGroups,
  extensionType.pointFormats,
  extensionType.useSrtp,
  extensionType.extendedMasterSecret,
  extensionType.renegotiationInfo,
]);

/** What the server chose. */
export interface ServerHello {
  /** A copy. */
  readonly random: Uint8Array;
  readonly suite: CipherSuite;
  readonly srtpProfile: SrtpProfile;
}

/** The body of our ServerHello: no session id, and only extensions that the client knows. */
export function encodeServerHello(hello: ServerHello, client: ClientHello): Uint8Array {
  const extensions: [number, Uint8Array][] = [
    [extensionType.extendedMasterSecret, new Uint8Array(0)],
    [extensionType.useSrtp, encodeUseSrtp([hello.srtpProfile])],
  ];
  if (client.hasRenegotiationInfo) extensions.push([extensionType.renegotiationInfo, vector8()]);
  if (client.hasPointFormats) extensions.push([extensionType.pointFormats, vector8(u8(0))]);
  return concat(
    u16(dtls12),
    hello.random,
    vector8(),
    u16(hello.suite.number),
    u8(0),
    encodeExtensions(extensions),
  );
}

/** Parses a ServerHello and checks that it chose of what we offered, with extended master secret and without an MKI. */
export function parseServerHello(
  body: Uint8Array,
  profiles: readonly SrtpProfile[],
): Result<ServerHello, FailureReason> {
  const reader = new ByteReader(body);
  const version = reader.u16();
  const random = copyOf(reader.bytes(randomBytes));
  const sessionId = reader.vector8();
  const suiteNumber = reader.u16();
  const compression = reader.u8();
  const extensions = readExtensions(reader);
  if (extensions === undefined || !reader.complete) return fail("malformed");
  if (sessionId.length > maxSessionIdBytes) return fail("malformed");
  if (version !== dtls12) return fail("version");
  if (compression !== 0) return fail("compression");
  const suite = clientSuites.find(({ number }) => number === suiteNumber);
  if (suite === undefined) return fail("cipherSuite");
  for (const type of extensions.keys()) if (!offered.has(type)) return fail("extension");

  const extended = extensions.get(extensionType.extendedMasterSecret);
  if (extended === undefined) return fail("extendedMasterSecret");
  if (extended.length > 0) return fail("malformed");
  const renegotiation = extensions.get(extensionType.renegotiationInfo);
  if (renegotiation !== undefined && !isEmptyRenegotiationInfo(renegotiation)) return fail("renegotiation");
  const pointFormats = extensions.get(extensionType.pointFormats);
  if (pointFormats !== undefined && !hasUncompressed(pointFormats)) return fail("extension");

  const useSrtp = extensions.get(extensionType.useSrtp);
  if (useSrtp === undefined) return fail("srtpProfile");
  const srtp = parseUseSrtp(useSrtp);
  if (srtp === undefined) return fail("malformed");
  const srtpProfile = profiles.find((profile) => profile === srtp.profiles[0]);
  if (srtpProfile === undefined || srtp.profiles.length !== 1 || srtp.hasMki) return fail("srtpProfile");
  return ok({ random, suite, srtpProfile });
}
