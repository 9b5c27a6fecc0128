/** Numbers of SRTP protection profiles (RFC 5764 §4.1.2, RFC 7714 §14.2). */
export const srtpProfile = {
  aes128CmSha1_80: 0x0001,
  aeadAes128Gcm: 0x0007,
  aeadAes256Gcm: 0x0008,
} as const;

export type SrtpProfile = (typeof srtpProfile)[keyof typeof srtpProfile];

/** Bytes of the master key and the master salt. */
export const srtpKeySize: Readonly<Record<SrtpProfile, { readonly key: number; readonly salt: number }>> = {
  [srtpProfile.aes128CmSha1_80]: { key: 16, salt: 14 },
  [srtpProfile.aeadAes128Gcm]: { key: 16, salt: 12 },
  [srtpProfile.aeadAes256Gcm]: { key: 32, salt: 12 },
};
