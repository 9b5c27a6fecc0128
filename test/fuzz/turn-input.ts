import fc from "fast-check";
import { attribute } from "../../src/wire/stun/attribute-type.ts";
import { addFingerprint } from "../../src/wire/stun/fingerprint.ts";
import { method } from "../../src/wire/stun/message-type.ts";
import { MessageWriter } from "../../src/wire/stun/writer.ts";

const types = fc.oneof(fc.constantFrom(...Object.values(attribute)), fc.nat(0xffff));
const values = fc.oneof(
  fc.uint8Array({ maxLength: 40 }),
  fc.constantFrom(
    Uint8Array.of(17, 0, 0, 0),
    Uint8Array.of(0, 1, 0x21, 0x12, 0x21, 0x12, 0xa4, 0x42),
    Uint8Array.of(0, 0, 0, 0),
    Uint8Array.of(0x40, 0, 0, 0),
    new Uint8Array(20),
  ),
);

/** Messages whose header is right, and whose attributes may be anything. */
export const wellFramed: fc.Arbitrary<Uint8Array> = fc
  .record({
    method: fc.oneof(fc.constantFrom(...Object.values(method)), fc.nat(0xfff)),
    class: fc.constantFrom("request" as const, "indication" as const, "success" as const, "error" as const),
    transaction: fc.uint8Array({ minLength: 12, maxLength: 12 }),
    attributes: fc.array(fc.tuple(types, values), { maxLength: 12 }),
    fingerprint: fc.boolean(),
  })
  .map((one) => {
    const writer = new MessageWriter(one.method, one.class, one.transaction, 64);
    for (const [type, value] of one.attributes) writer.add(type, value);
    if (one.fingerprint) addFingerprint(writer);
    return writer.bytes().slice();
  });

/** The same with some bytes changed, cut off or added; and noise. */
export const almostStun: fc.Arbitrary<Uint8Array> = fc.oneof(
  { weight: 3, arbitrary: wellFramed },
  {
    weight: 3,
    arbitrary: fc
      .tuple(
        wellFramed,
        fc.array(fc.tuple(fc.nat(300), fc.nat(255)), { maxLength: 4 }),
        fc.integer({ min: -8, max: 8 }),
      )
      .map(([bytes, changes, cut]) => {
        const changed = new Uint8Array(Math.max(0, bytes.length + cut));
        changed.set(bytes.subarray(0, changed.length));
        for (const [at, value] of changes) if (at < changed.length) changed[at] = value;
        return changed;
      }),
  },
  // Without the cookie: RFC 3489.
  {
    weight: 1,
    arbitrary: fc.tuple(wellFramed, fc.nat(0xff)).map(([bytes, other]) => {
      const classic = bytes.slice();
      classic.set([0, 1]);
      classic[4] = other;
      return classic;
    }),
  },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 100 }) },
);
