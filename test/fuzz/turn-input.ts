import { attribute } from "../../src/wire/stun/attribute-type.ts";
import { addFingerprint } from "../../src/wire/stun/fingerprint.ts";
import { method } from "../../src/wire/stun/message-type.ts";
import { MessageWriter } from "../../src/wire/stun/writer.ts";
import { anyBytes } from "./byte-mutation.ts";
import type { Random } from "./random.ts";

const methods = Object.values(method);
const classes = ["request", "indication", "success", "error"] as const;
const types = Object.values(attribute);
const values = [
  Uint8Array.of(17, 0, 0, 0),
  Uint8Array.of(0, 1, 0x21, 0x12, 0x21, 0x12, 0xa4, 0x42),
  Uint8Array.of(0, 0, 0, 0),
  Uint8Array.of(0x40, 0, 0, 0),
  new Uint8Array(20),
];

/** A message whose header is right, and whose attributes may be anything. */
export function wellFramed(random: Random): Uint8Array {
  const what = random.chance(0.5) ? random.pick(methods) : random.int(0, 0xfff);
  const writer = new MessageWriter(what, random.pick(classes), anyBytes(random, 12, 12), 64);
  for (let left = random.int(0, 12); left > 0; left--)
    writer.add(
      random.chance(0.5) ? random.pick(types) : random.int(0, 0xffff),
      random.chance(0.5) ? anyBytes(random, 40) : random.pick(values),
    );
  if (random.chance(0.5)) addFingerprint(writer);
  return writer.bytes().slice();
}

/** The same, some with bytes changed, cut off or added; some without the cookie, as of RFC 3489; and noise. */
export function almostStun(random: Random): Uint8Array {
  const kind = random.int(0, 7);
  if (kind === 0) return anyBytes(random, 100);
  const bytes = wellFramed(random);
  if (kind === 1) {
    bytes.set([0, 1]);
    bytes[4] = random.int(0, 0xff);
    return bytes;
  }
  if (kind < 5) return bytes;
  const changed = new Uint8Array(Math.max(0, bytes.length + random.int(-8, 8)));
  changed.set(bytes.subarray(0, changed.length));
  for (let left = random.int(0, 4); left > 0; left--) {
    const at = random.int(0, random.pick([24, 300]));
    if (at < changed.length) changed[at] = random.pick([0, 1, 0xff, random.int(0, 255)]);
  }
  return changed;
}
