import { noBytes, type PacketCipher, type SrtpCrypto } from "./crypto.ts";
import { IvMaker } from "./iv.ts";
import { type SrtpProfile, srtpKeySize, srtpProfile } from "./profile.ts";

/** Key derivation labels (RFC 3711 §4.3.1). */
const label = {
  rtpKey: 0,
  rtpAuthentication: 1,
  rtpSalt: 2,
  rtcpKey: 3,
  rtcpAuthentication: 4,
  rtcpSalt: 5,
} as const;

/** Bytes of the key of HMAC-SHA1; GCM authenticates by itself. */
const authenticationKeyBytes = 20;

/** What one direction of one kind of packet is sealed with. */
export interface PacketKeys {
  readonly cipher: PacketCipher;
  readonly iv: IvMaker;
  readonly gcm: boolean;
}

/**
 * The session keys of one direction (RFC 3711 §4.3, key derivation rate 0). Throws a RangeError where the master key or salt has another
 * length than the profile wants.
 */
export function sessionKeys(
  crypto: SrtpCrypto,
  profile: SrtpProfile,
  masterKey: Uint8Array,
  masterSalt: Uint8Array,
): { readonly rtp: PacketKeys; readonly rtcp: PacketKeys } {
  const { key: keyBytes, salt: saltBytes } = srtpKeySize[profile];
  const gcm = profile !== srtpProfile.aes128CmSha1_80;
  if (masterKey.length !== keyBytes || masterSalt.length !== saltBytes)
    throw new RangeError(`profile ${profile} wants a key of ${keyBytes} and a salt of ${saltBytes} bytes`);
  const derive = (number: number, length: number): Uint8Array =>
    crypto.keyStream(masterKey, derivationIv(masterSalt, number), length);
  const keys = (
    cipherLabel: number,
    authenticationLabel: number,
    saltLabel: number,
    rare = false,
  ): PacketKeys => {
    const key = derive(cipherLabel, keyBytes);
    const authenticationKey = gcm ? noBytes : derive(authenticationLabel, authenticationKeyBytes);
    const cipher = gcm ? crypto.gcm(key, rare) : crypto.counterMode(key, authenticationKey);
    key.fill(0);
    authenticationKey.fill(0);
    return { cipher, iv: new IvMaker({ salt: derive(saltLabel, saltBytes), gcm }), gcm };
  };
  return {
    rtp: keys(label.rtpKey, label.rtpAuthentication, label.rtpSalt),
    rtcp: keys(label.rtcpKey, label.rtcpAuthentication, label.rtcpSalt, true),
  };
}

/** The salt, with the label in its eighth byte, and a block counter of zero (RFC 3711 §4.3.1, RFC 7714 §11). */
function derivationIv(salt: Uint8Array, number: number): Uint8Array {
  const iv = new Uint8Array(16);
  iv.set(salt);
  iv[7] = (iv[7] ?? 0) ^ number;
  return iv;
}
