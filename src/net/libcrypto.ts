import { dlopen, FFIType } from "bun:ffi";

/** The system's OpenSSL: 3, or 1.1.1. What we call is the same in both. */
const names = ["libcrypto.so.3", "libcrypto.so.1.1"] as const;

/** Commands of `EVP_CIPHER_CTX_ctrl`. With a length of −1, `setIv` takes all of an IV. */
export const controlCommand = { getTag: 0x10, setTag: 0x11, setIv: 0x12 } as const;

/** From here on `setIv` is enough to begin a packet; it takes less than `EVP_EncryptInit_ex`, which asks the context for its lengths again. */
export const ivByControl = 0x3000_0000;

export type Libcrypto = NonNullable<ReturnType<typeof openLibcrypto>>;

/** Opens the system's libcrypto. Undefined where there is none, or one that lacks a function we need. */
export function openLibcrypto() {
  if (process.platform !== "linux") return undefined;
  for (const name of names)
    try {
      return open(name);
    } catch {
      // Not installed, or built without what we need.
    }
  return undefined;
}

function open(name: string) {
  const { ptr, i32, u64 } = FFIType;
  return dlopen(name, {
    OpenSSL_version_num: { args: [], returns: FFIType.u64_fast },
    EVP_CIPHER_CTX_new: { args: [], returns: ptr },
    EVP_CIPHER_CTX_free: { args: [ptr], returns: FFIType.void },
    EVP_CIPHER_CTX_ctrl: { args: [ptr, i32, i32, ptr], returns: i32 },
    EVP_aes_128_gcm: { args: [], returns: ptr },
    EVP_aes_256_gcm: { args: [], returns: ptr },
    EVP_aes_128_ctr: { args: [], returns: ptr },
    EVP_EncryptInit_ex: { args: [ptr, ptr, ptr, ptr, ptr], returns: i32 },
    EVP_EncryptUpdate: { args: [ptr, ptr, ptr, ptr, i32], returns: i32 },
    EVP_EncryptFinal_ex: { args: [ptr, ptr, ptr], returns: i32 },
    EVP_DecryptInit_ex: { args: [ptr, ptr, ptr, ptr, ptr], returns: i32 },
    EVP_DecryptUpdate: { args: [ptr, ptr, ptr, ptr, i32], returns: i32 },
    EVP_DecryptFinal_ex: { args: [ptr, ptr, ptr], returns: i32 },
    EVP_sha1: { args: [], returns: ptr },
    HMAC_CTX_new: { args: [], returns: ptr },
    HMAC_CTX_free: { args: [ptr], returns: FFIType.void },
    HMAC_Init_ex: { args: [ptr, ptr, i32, ptr, ptr], returns: i32 },
    HMAC_Update: { args: [ptr, ptr, u64], returns: i32 },
    HMAC_Final: { args: [ptr, ptr, ptr], returns: i32 },
  }).symbols;
}
