import { describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { openNativeSrtpCrypto } from "./native-crypto.ts";
import { srtpCrypto } from "./srtp-crypto.ts";

const native = openNativeSrtpCrypto();
const none = new Uint8Array(0);
/** Enough to be compiled by the last of the engine's compilers. */
const hot = 100_000;
/** node:crypto seals so many of them too, and one in so many of the rest: it takes most of the time, and what a compiler breaks stays broken. */
const [comparedFirst, comparedThen] = [2_000, 16];

/** Each cipher, by libcrypto and by node:crypto, with its IV's length and its trailer's. */
const ciphers = [
  { name: "AES-128-GCM", keyBytes: 16, ivBytes: 12, trailerBytes: 0 },
  { name: "AES-256-GCM", keyBytes: 32, ivBytes: 12, trailerBytes: 0 },
  { name: "AES-128-GCM of RTCP", keyBytes: 16, ivBytes: 12, trailerBytes: 4 },
  { name: "AES-128-CM with HMAC-SHA1", keyBytes: 16, ivBytes: 16, trailerBytes: 4 },
] as const;
type Kind = (typeof ciphers)[number];

function keyed<Gcm, CounterMode>(
  { keyBytes, ivBytes, trailerBytes }: Kind,
  from: {
    gcm(key: Uint8Array, rare?: boolean): Gcm;
    counterMode(key: Uint8Array, authenticationKey: Uint8Array): CounterMode;
  },
): Gcm | CounterMode {
  const key = new Uint8Array(keyBytes).fill(5);
  return ivBytes === 12 ? from.gcm(key, trailerBytes > 0) : from.counterMode(key, new Uint8Array(20).fill(6));
}

/** Writes a number into the IV as `IvMaker` does: byte by byte, in one array. */
function count(iv: Uint8Array, number: number): void {
  iv[4] = number >>> 24;
  iv[5] = number >>> 16;
  iv[6] = number >>> 8;
  iv[7] = number;
}

test.skipIf(native === undefined)(
  "keys that are rarely used share a context, and seal and open each with its own",
  () => {
    const ciphers = [3, 4, 3].map((byte, n) =>
      native!.gcm(new Uint8Array(n === 2 ? 32 : 16).fill(byte), true),
    );
    const [iv, trailer, body] = [new Uint8Array(12).fill(1), new Uint8Array(4), new Uint8Array(40).fill(2)];
    const sealed = ciphers.map((cipher) => {
      const packet = new Uint8Array(8 + body.length + cipher.tagBytes);
      cipher.seal(packet, 0, 8, body, 0, body.length, iv, trailer);
      return packet;
    });
    const opens = (packet: Uint8Array): boolean[] =>
      ciphers.map((cipher) => cipher.open(packet, 8, iv, trailer) !== undefined);
    expect(sealed.map(opens)).toEqual([
      [true, false, false],
      [false, true, false],
      [false, false, true],
    ]);
    ciphers[0]?.close();
    expect(ciphers[1]?.open(sealed[1]!, 8, iv, trailer)?.subarray(8)).toEqual(body);
    expect(() => ciphers[0]?.open(sealed[0]!, 8, iv, trailer)).toThrow("closed");
  },
);

test("there is a libcrypto where these tests run", () => {
  expect(native?.name).toBe("libcrypto");
});

describe.skipIf(native === undefined).each(ciphers)("$name", (kind) => {
  const crypto = native!;

  test("hot code seals and opens as node:crypto does, to the byte", () => {
    const [cipher, portable] = [keyed(kind, crypto), keyed(kind, srtpCrypto)];
    const { tagBytes } = cipher;
    const [iv, trailer] = [new Uint8Array(kind.ivBytes), new Uint8Array(kind.trailerBytes)];
    const body = new Uint8Array(randomBytes(64));
    const target = new Uint8Array(200);
    const expected = new Uint8Array(200);
    let wrong = 0;
    for (let packet = 0; packet < hot; packet++) {
      // What changes from one packet to the next: IV, trailer, header, body, lengths, where it stands.
      count(iv, packet);
      if (trailer.length > 0) trailer[3] = packet;
      const at = packet % 7;
      const clearBytes = 12 + 4 * (packet % 3);
      const bodyBytes = packet % 65;
      for (let n = 0; n < clearBytes; n++) target[at + n] = expected[at + n] = packet + n;
      body[packet % 64] = packet;
      cipher.seal(target, at, clearBytes, body, 0, bodyBytes, iv, trailer);
      const end = at + clearBytes + bodyBytes + tagBytes;
      if (packet < comparedFirst || packet % comparedThen === 0) {
        portable.seal(expected, at, clearBytes, body, 0, bodyBytes, iv, trailer);
        if (Buffer.compare(target.subarray(at, end), expected.subarray(at, end)) !== 0) wrong++;
      }
      const opened = cipher.open(target.subarray(at, end), clearBytes, iv, trailer);
      if (
        opened === undefined ||
        Buffer.compare(opened.subarray(clearBytes), body.subarray(0, bodyBytes)) !== 0
      )
        wrong++;
      else if (Buffer.compare(opened.subarray(0, clearBytes), expected.subarray(at, at + clearBytes)) !== 0)
        wrong++;
    }
    expect(wrong).toBe(0);
    expect(crypto.name).toBe("libcrypto");
    cipher.close();
  });

  test("opens nothing that was changed, cut or sealed with another IV, nor what is shorter than its parts", () => {
    const cipher = keyed(kind, crypto);
    const [iv, trailer] = [new Uint8Array(kind.ivBytes).fill(7), new Uint8Array(kind.trailerBytes).fill(8)];
    const sealed = new Uint8Array(12 + 20 + cipher.tagBytes);
    cipher.seal(sealed, 0, 12, randomBytes(20), 0, 20, iv, trailer);
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const forged = sealed.slice();
      forged[bit >> 3] = (forged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(cipher.open(forged, 12, iv, trailer)).toBeUndefined();
    }
    for (let length = 0; length < sealed.length; length++)
      expect(cipher.open(sealed.slice(0, length), 12, iv, trailer)).toBeUndefined();
    // In counter mode the index is authenticated by the trailer, not by the IV.
    if (kind.ivBytes === 12) expect(cipher.open(sealed, 12, new Uint8Array(12), trailer)).toBeUndefined();
    expect(cipher.open(sealed, 12, iv, trailer)).toBeDefined();
    cipher.close();
  });

  test("seals in place, and packets of 64 KB", () => {
    const [cipher, portable] = [keyed(kind, crypto), keyed(kind, srtpCrypto)];
    const [iv, trailer] = [new Uint8Array(kind.ivBytes).fill(9), new Uint8Array(kind.trailerBytes)];
    const body = randomBytes(65_000);
    const packet = new Uint8Array(65_000 + 12 + cipher.tagBytes);
    packet.set(body, 12);
    cipher.seal(packet, 0, 12, packet, 12, body.length, iv, trailer);
    expect(portable.open(packet, 12, iv, trailer)?.subarray(12)).toEqual(body);
    expect(cipher.open(packet, 12, iv, trailer)?.subarray(12)).toEqual(new Uint8Array(body));
    cipher.close();
  });

  test("refuses lengths beyond the arrays, a wrong IV, and everything once closed", () => {
    const cipher = keyed(kind, crypto);
    const iv = new Uint8Array(kind.ivBytes);
    const target = new Uint8Array(100);
    const body = new Uint8Array(50);
    const seal = (at: number, clear: number, bodyAt: number, bytes: number, by = iv) =>
      cipher.seal(target, at, clear, body, bodyAt, bytes, by, none);
    for (const [at, clear, bodyAt, bytes] of [
      [80, 12, 0, 0],
      [0, 12, 40, 11],
      [-1, 12, 0, 10],
      [0, -12, 0, 10],
      [0, 12, -1, 10],
      [0, 12, 0, -1],
      [0.5, 12, 0, 10],
      [0, Number.NaN, 0, 10],
      [0, 2 ** 40, 0, 10],
    ] as const)
      expect(() => seal(at, clear, bodyAt, bytes)).toThrow(RangeError);
    expect(() => seal(0, 12, 0, 10, new Uint8Array(kind.ivBytes - 1))).toThrow(RangeError);
    expect(target).toEqual(new Uint8Array(100));
    seal(0, 12, 0, 10);
    cipher.close();
    cipher.close();
    expect(() => seal(0, 12, 0, 10)).toThrow("closed");
    expect(() => cipher.open(target, 12, iv, none)).toThrow("closed");
  });

  test.each(["changed", "failed"])(
    "a packet that libcrypto %s is sealed again by node:crypto, and so are all that follow",
    (how) => {
      let faults = 0;
      const broken = openNativeSrtpCrypto((sealed) => {
        faults++;
        sealed[20] = (sealed[20] ?? 0) ^ 1;
        return how === "changed";
      })!;
      const [cipher, portable] = [keyed(kind, broken), keyed(kind, srtpCrypto)];
      const [iv, trailer] = [new Uint8Array(kind.ivBytes), new Uint8Array(kind.trailerBytes)];
      const body = randomBytes(40);
      for (let packet = 0; packet < 3; packet++) {
        count(iv, packet);
        const [target, expected] = [
          new Uint8Array(52 + cipher.tagBytes),
          new Uint8Array(52 + cipher.tagBytes),
        ];
        cipher.seal(target, 0, 12, body, 0, 40, iv, trailer);
        portable.seal(expected, 0, 12, body, 0, 40, iv, trailer);
        expect(target).toEqual(expected);
      }
      expect(faults).toBe(1);
      expect(broken.name).toBe("node:crypto");
    },
  );
});

test.skipIf(native === undefined)("keys of a wrong length are refused", () => {
  for (const length of [0, 15, 24, 33]) expect(() => native?.gcm(new Uint8Array(length))).toThrow(RangeError);
  expect(() => native?.counterMode(new Uint8Array(32), new Uint8Array(20))).toThrow(RangeError);
  expect(() => native?.counterMode(new Uint8Array(16), new Uint8Array(0))).toThrow(RangeError);
});

describe.skipIf(native === undefined)("a failure past the packets that are checked", () => {
  const failing = () => {
    let sealed = 0;
    const crypto = openNativeSrtpCrypto(() => ++sealed <= 5_000)!;
    const cipher = crypto.gcm(new Uint8Array(16));
    const target = new Uint8Array(60);
    const iv = new Uint8Array(12);
    for (let packet = 0; packet < 5_000; packet++) {
      count(iv, packet);
      cipher.seal(target, 0, 12, none, 0, 0, iv, none);
    }
    expect(crypto.name).toBe("libcrypto");
    count(iv, 5_000);
    return { crypto, cipher, target, iv };
  };

  test("leaves the packet to node:crypto", () => {
    const { crypto, cipher, target, iv } = failing();
    const body = randomBytes(10);
    cipher.seal(target, 0, 12, body, 0, 10, iv, none);
    expect(crypto.name).toBe("node:crypto");
    expect(cipher.open(target.subarray(0, 38), 12, iv, none)?.subarray(12)).toEqual(new Uint8Array(body));
  });

  test("is told where the packet was sealed in place, and leaves nothing that could be sent", () => {
    const { crypto, cipher, target, iv } = failing();
    target.fill(1, 12);
    expect(() => cipher.seal(target, 0, 12, target, 12, 10, iv, none)).toThrow("in place");
    expect(target.subarray(12, 38)).toEqual(new Uint8Array(26));
    expect(crypto.name).toBe("node:crypto");
  });
});

test.skipIf(native === undefined)(
  "the garbage collector frees the contexts of ciphers that nobody closed",
  async () => {
    const rounds = async (times: number) => {
      for (let round = 0; round < times; round++) {
        for (let n = 0; n < 5_000; n++) {
          const cipher = native!.counterMode(new Uint8Array(16), new Uint8Array(20));
          cipher.seal(new Uint8Array(40), 0, 12, none, 0, 0, new Uint8Array(16), none);
        }
        Bun.gc(true);
        // Finalizers run between tasks.
        await new Promise((done) => setTimeout(done, 1));
      }
      return process.memoryUsage.rss();
    };
    const before = await rounds(2);
    const after = await rounds(8);
    // Each has well over a kilobyte: 40,000 of them would be 60 MB.
    expect(after - before).toBeLessThan(30_000_000);
  },
);
