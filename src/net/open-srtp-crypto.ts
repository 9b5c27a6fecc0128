import type { NativeSrtpCrypto } from "./native-crypto.ts";
import { srtpCrypto } from "./srtp-crypto.ts";

/**
 * The fastest ciphers there are: the system's libcrypto on Bun, else node:crypto. `portable`: node:crypto in any case. The `name` tells which
 * of them seals now.
 */
export async function openSrtpCrypto(portable = false): Promise<typeof srtpCrypto | NativeSrtpCrypto> {
  if (portable || process.versions.bun === undefined) return srtpCrypto;
  const { openNativeSrtpCrypto } = await import("./native-crypto.ts");
  return openNativeSrtpCrypto() ?? srtpCrypto;
}
