import { describe, expect, test } from "bun:test";
import { stunCrypto } from "../../net/stun-crypto.ts";
import { attribute } from "./attribute-type.ts";
import { addFingerprint, checkFingerprint, crc32 } from "./fingerprint.ts";
import { addIntegrity, checkIntegrity } from "./integrity.ts";
import { longTermKey, userhash } from "./long-term-key.ts";
import { parseMessage, type StunMessage } from "./message.ts";
import { method } from "./message-type.ts";
import { decodeNonceCookie } from "./nonce-cookie.ts";
import { decodePasswordAlgorithms, passwordAlgorithm } from "./password-algorithms.ts";
import { decodeText, encodeText } from "./text.ts";
import { decodeXorAddress } from "./transport-address.ts";
import { MessageWriter } from "./writer.ts";

const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replaceAll(/\s/g, ""), "hex"));
const parse = (text: string): StunMessage => parseMessage(hex(text)) as StunMessage;
const shortTerm = encodeText("VOkJxbRl1RmTxUk/WvJxBt");
const textOf = (message: StunMessage, type: number): string | undefined =>
  decodeText(message.value(type) ?? new Uint8Array());

/** The same message with another bit at each place: nothing may pass as intact. */
function everyFlip(bytes: Uint8Array, end: number, intact: (message: StunMessage) => boolean): number {
  let passed = 0;
  for (let at = 0; at < end; at++) {
    const changed = bytes.slice();
    changed[at] = (changed[at] ?? 0) ^ 1;
    const message = parseMessage(changed);
    if (message !== undefined && intact(message)) passed++;
  }
  return passed;
}

describe("RFC 5769", () => {
  test("2.1 request", () => {
    const message = parse(`
      00 01 00 58 21 12 a4 42 b7 e7 a7 01 bc 34 d6 86 fa 87 df ae 80 22 00 10 53 54 55 4e 20 74 65 73
      74 20 63 6c 69 65 6e 74 00 24 00 04 6e 00 01 ff 80 29 00 08 93 2f f9 b1 51 26 3b 36 00 06 00 09
      65 76 74 6a 3a 68 36 76 59 20 20 20 00 08 00 14 9a ea a7 0c bf d8 cb 56 78 1e f2 b5 b2 d3 f2 49
      c1 b5 71 a2 80 28 00 04 e5 7a 3b cf`);
    expect(message.method).toBe(method.binding);
    expect(message.class).toBe("request");
    expect(textOf(message, attribute.software)).toBe("STUN test client");
    expect(textOf(message, attribute.username)).toBe("evtj:h6vY");
    expect(checkIntegrity(message, "sha1", shortTerm, stunCrypto)).toBe(true);
    expect(checkFingerprint(message)).toBe(true);
    const sealed = (one: StunMessage): boolean => checkIntegrity(one, "sha1", shortTerm, stunCrypto);
    expect(everyFlip(message.bytes, message.bytes.length - 8, sealed)).toBe(0);
    expect(everyFlip(message.bytes, message.bytes.length, (one) => checkFingerprint(one) === true)).toBe(0);
  });

  const responses: [string, string, Uint8Array][] = [
    [
      `01 01 00 3c 21 12 a4 42 b7 e7 a7 01 bc 34 d6 86 fa 87 df ae 80 22 00 0b 74 65 73 74 20 76 65 63
       74 6f 72 20 00 20 00 08 00 01 a1 47 e1 12 a6 43 00 08 00 14 2b 91 f5 99 fd 9e 90 c3 8c 74 89 f9
       2a f9 ba 53 f0 6b e7 d7 80 28 00 04 c0 7d 4c 96`,
      "2.2 response over IPv4",
      Uint8Array.of(192, 0, 2, 1),
    ],
    [
      `01 01 00 48 21 12 a4 42 b7 e7 a7 01 bc 34 d6 86 fa 87 df ae 80 22 00 0b 74 65 73 74 20 76 65 63
       74 6f 72 20 00 20 00 14 00 02 a1 47 01 13 a9 fa a5 d3 f1 79 bc 25 f4 b5 be d2 b9 d9 00 08 00 14
       a3 82 95 4e 4b e6 7b f1 17 84 c9 7c 82 92 c2 75 bf e3 ed 41 80 28 00 04 c8 fb 0b 4c`,
      "2.3 response over IPv6",
      hex("20010db812345678 0011223344556677"),
    ],
  ];
  for (const [text, name, address] of responses)
    test(name, () => {
      const message = parse(text);
      expect(message.class).toBe("success");
      const value = message.value(attribute.xorMappedAddress) as Uint8Array;
      expect(decodeXorAddress(value, message.transactionId)).toEqual({ address, port: 32853 });
      expect(textOf(message, attribute.software)).toBe("test vector");
      expect(checkIntegrity(message, "sha1", shortTerm, stunCrypto)).toBe(true);
      expect(checkFingerprint(message)).toBe(true);
    });

  test("2.4 request with long-term authentication", () => {
    const message = parse(`
      00 01 00 60 21 12 a4 42 78 ad 34 33 c6 ad 72 c0 29 da 41 2e 00 06 00 12 e3 83 9e e3 83 88 e3 83
      aa e3 83 83 e3 82 af e3 82 b9 00 00 00 15 00 1c 66 2f 2f 34 39 39 6b 39 35 34 64 36 4f 4c 33 34
      6f 4c 39 46 53 54 76 79 36 34 73 41 00 14 00 0b 65 78 61 6d 70 6c 65 2e 6f 72 67 00 00 08 00 14
      f6 70 24 65 6d d6 4a 3e 02 b8 e0 71 2e 85 c9 a2 8c a8 96 66`);
    expect(textOf(message, attribute.username)).toBe("マトリックス");
    expect(textOf(message, attribute.nonce)).toBe("f//499k954d6OL34oL9FSTvy64sA");
    const realm = textOf(message, attribute.realm) as string;
    // The password is "The<U+00AD>M<U+00AA>tr<U+2168>", which SASLprep makes "TheMatrIX".
    const key = longTermKey(passwordAlgorithm.md5, "マトリックス", realm, "TheMatrIX", stunCrypto);
    expect(checkIntegrity(message, "sha1", key, stunCrypto)).toBe(true);
    expect(checkFingerprint(message)).toBeUndefined();
  });
});

describe("RFC 8489 B.1, with erratum 6268", () => {
  const text = `
    00010090 2112a442 78ad3433c6ad72c029da412e
    001e0020 4a3cf38fef6992bda952c6780417da0f24819415569e60b205c46e41407f1704
    00150029 6f624d61744a6f733241414143662f2f3439396b39353464364f4c33346f4c39465354767936347341 000000
    0014000b 6578616d706c652e6f7267 00
    001d0004 00020000
    001c0020 b5c7bf005b6c52a21c51c5e892f81924136296cb927c43149309278cc6518e65`;

  test("user hash and SHA-256", () => {
    const message = parse(text);
    const user = "マトリックス";
    const realm = textOf(message, attribute.realm) as string;
    expect(realm).toBe("example.org");
    expect(message.value(attribute.userhash)).toEqual(userhash(user, realm, stunCrypto));
    expect(decodeNonceCookie(textOf(message, attribute.nonce) as string)).toEqual({
      passwordAlgorithms: false,
      usernameAnonymity: true,
    });
    const [algorithm] =
      decodePasswordAlgorithms(message.value(attribute.passwordAlgorithm) as Uint8Array) ?? [];
    expect(algorithm).toEqual({ number: passwordAlgorithm.sha256, parameters: new Uint8Array() });
    const key = longTermKey(passwordAlgorithm.sha256, user, realm, "TheMatrIX", stunCrypto);
    expect(checkIntegrity(message, "sha256", key, stunCrypto)).toBe(true);
    const sealed = (one: StunMessage): boolean => checkIntegrity(one, "sha256", key, stunCrypto);
    expect(everyFlip(message.bytes, message.bytes.length, sealed)).toBe(0);
  });
});

test("what we write is what we check", () => {
  for (const kind of ["sha1", "sha256"] as const) {
    const key = encodeText("secret");
    const writer = new MessageWriter(method.allocate, "request", new Uint8Array(12).fill(7), 20);
    writer.add(attribute.username, encodeText("alice")).add(attribute.dontFragment, new Uint8Array());
    addIntegrity(writer, kind, key, stunCrypto);
    addFingerprint(writer);
    const message = parseMessage(writer.bytes()) as StunMessage;
    expect(checkIntegrity(message, kind, key, stunCrypto)).toBe(true);
    expect(checkIntegrity(message, kind, encodeText("other"), stunCrypto)).toBe(false);
    expect(checkFingerprint(message)).toBe(true);
  }
});

test("CRC-32 check value; password algorithms of §18.5", () => {
  expect(crc32(encodeText("123456789"))).toBe(0xcbf43926);
  expect(decodePasswordAlgorithms(hex("00010000 00020000"))?.map((one) => one.number)).toEqual([1, 2]);
});
