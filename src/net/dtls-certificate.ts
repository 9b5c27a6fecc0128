import { generateKeyPairSync, randomBytes, sign } from "node:crypto";

const day = 86_400_000;
const month = 30 * day;
const commonName = "WebRTC";

/** Tags of DER. */
const tag = {
  integer: 0x02,
  bitString: 0x03,
  objectIdentifier: 0x06,
  utf8String: 0x0c,
  utcTime: 0x17,
  sequence: 0x30,
  set: 0x31,
  version: 0xa0,
} as const;

/**
 * A new ECDSA P-256 key with a self-signed certificate for DTLS (RFC 8827 §6.5), of about 270 bytes. Peers know it by its fingerprint
 * and look at nothing else of it. It is valid from a day before `now` for a month.
 */
export function generateCertificate(now: Date): {
  der: Uint8Array;
  sign(data: readonly Uint8Array[]): Uint8Array;
} {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const signer = (data: readonly Uint8Array[]) =>
    new Uint8Array(sign("sha256", Buffer.concat(data), privateKey));
  const signed = der(
    tag.sequence,
    der(tag.version, der(tag.integer, Buffer.of(2))),
    der(tag.integer, serialNumber()),
    ecdsaWithSha256,
    name,
    der(tag.sequence, utcTime(now.getTime() - day), utcTime(now.getTime() + month)),
    name,
    publicKey.export({ type: "spki", format: "der" }),
  );
  const signature = der(tag.bitString, Buffer.of(0), signer([signed]));
  return { der: new Uint8Array(der(tag.sequence, signed, ecdsaWithSha256, signature)), sign: signer };
}

const ecdsaWithSha256 = der(tag.sequence, der(tag.objectIdentifier, Buffer.from("2a8648ce3d040302", "hex")));
const name = der(
  tag.sequence,
  der(
    tag.set,
    der(
      tag.sequence,
      der(tag.objectIdentifier, Buffer.from("550403", "hex")),
      der(tag.utf8String, Buffer.from(commonName)),
    ),
  ),
);

/** 8 random bytes that are a positive integer in its shortest form. */
function serialNumber(): Buffer {
  const bytes = randomBytes(8);
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return bytes;
}

/** YYMMDDHHMMSSZ (RFC 5280 §4.1.2.5.1). */
function utcTime(time: number): Buffer {
  const digits = new Date(time).toISOString().replace(/\.\d+|[-:T]/g, "");
  return der(tag.utcTime, Buffer.from(digits.slice(2)));
}

function der(type: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  if (length < 0x80) return Buffer.concat([Buffer.of(type, length), content]);
  const long = length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.of(type, ...long), content]);
}
