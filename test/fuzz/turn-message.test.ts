import { describe, expect, test } from "bun:test";
import { stunCrypto } from "../../src/net/stun-crypto.ts";
import { attribute } from "../../src/wire/stun/attribute-type.ts";
import { checkFingerprint } from "../../src/wire/stun/fingerprint.ts";
import { checkIntegrity } from "../../src/wire/stun/integrity.ts";
import { parseClassicBinding, parseMessage } from "../../src/wire/stun/message.ts";
import { chance, fuzzRounds, rounds } from "./target.ts";
import { almostStun } from "./turn-input.ts";

const key = new Uint8Array(16);
const count = fuzzRounds(3_000);

describe("STUN parser", () => {
  test("takes any bytes without throwing, and its views stay inside", () => {
    const random = chance(1);
    for (const _ of rounds(count)) {
      const bytes = almostStun(random);
      const message = parseMessage(bytes) ?? parseClassicBinding(bytes);
      if (message === undefined) continue;
      expect(message.transactionId).toHaveLength(message.classic ? 16 : 12);
      if (message.classic) expect([message.method, message.class]).toEqual([1, "request"]);
      let last = 19;
      for (const { offset, value } of message.attributes) {
        expect(offset).toBeGreaterThan(last);
        expect(offset % 4).toBe(0);
        expect(offset + 4 + value.length).toBeLessThanOrEqual(bytes.length);
        last = offset + 3;
      }
      checkFingerprint(message);
      checkIntegrity(message, "sha1", key, stunCrypto);
      checkIntegrity(message, "sha256", key, stunCrypto);
    }
  });

  test("nothing behind an integrity attribute counts", () => {
    const random = chance(2);
    for (const _ of rounds(count)) {
      const bytes = almostStun(random);
      const types = parseMessage(bytes)?.attributes.map((one) => one.type) ?? [];
      const sealed = types.findIndex(
        (type) => type === attribute.messageIntegrity || type === attribute.messageIntegritySha256,
      );
      const after: number[] = [attribute.messageIntegritySha256, attribute.fingerprint];
      if (sealed >= 0) for (const type of types.slice(sealed + 1)) expect(after).toContain(type);
    }
  });
});
