import { noBytes, type PacketCipher, type SrtpCrypto } from "./crypto.ts";

/** Protection profiles by their DTLS-SRTP numbers (RFC 5764 §4.1.2, RFC 7714 §14.2). */
export const srtpProfile = { aes128CmSha1: 1, aes128Gcm: 7, aes256Gcm: 8 } as const;
export type SrtpProfile = (typeof srtpProfile)[keyof typeof srtpProfile];

interface ProfileFacts {
  readonly keyBytes: number;
  readonly saltBytes: number;
  readonly authenticationBytes: number;
}

const facts: Readonly<Record<SrtpProfile, ProfileFacts>> = {
  [srtpProfile.aes128CmSha1]: { keyBytes: 16, saltBytes: 14, authenticationBytes: 20 },
  [srtpProfile.aes128Gcm]: { keyBytes: 16, saltBytes: 12, authenticationBytes: 0 },
  [srtpProfile.aes256Gcm]: { keyBytes: 32, saltBytes: 12, authenticationBytes: 0 },
};

/** Key derivation labels (RFC 3711 §4.3.1). */
const label = {
  rtpKey: 0,
  rtpAuthentication: 1,
  rtpSalt: 2,
  rtcpKey: 3,
  rtcpAuthentication: 4,
  rtcpSalt: 5,
} as const;

/** Bytes of the master key and of the master salt. */
export function secretBytes(profile: SrtpProfile): { readonly key: number; readonly salt: number } {
  return { key: facts[profile].keyBytes, salt: facts[profile].saltBytes };
}

/** What one direction of one kind of packet is sealed with. */
export interface PacketKeys {
  readonly cipher: PacketCipher;
  readonly salt: Uint8Array;
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
  const { keyBytes, saltBytes, authenticationBytes } = facts[profile];
  if (masterKey.length !== keyBytes || masterSalt.length !== saltBytes)
    throw new RangeError(`profile ${profile} wants a key of ${keyBytes} and a salt of ${saltBytes} bytes`);
  const derive = (number: number, length: number): Uint8Array =>
    length === 0 ? noBytes : crypto.keyStream(masterKey, derivationIv(masterSalt, number), length);
  const keys = (cipherLabel: number, authenticationLabel: number, saltLabel: number): PacketKeys => {
    const key = derive(cipherLabel, keyBytes);
    const gcm = authenticationBytes === 0;
    const cipher = gcm
      ? crypto.gcm(key)
      : crypto.counterMode(key, derive(authenticationLabel, authenticationBytes));
    return { cipher, salt: derive(saltLabel, saltBytes), gcm };
  };
  return {
    rtp: keys(label.rtpKey, label.rtpAuthentication, label.rtpSalt),
    rtcp: keys(label.rtcpKey, label.rtcpAuthentication, label.rtcpSalt),
  };
}

/** The salt, with the label in its eighth byte, and a block counter of zero (RFC 3711 §4.3.1, RFC 7714 §11). */
function derivationIv(salt: Uint8Array, number: number): Uint8Array {
  const iv = new Uint8Array(16);
  iv.set(salt);
  iv[7] = (iv[7] ?? 0) ^ number;
  return iv;
}
