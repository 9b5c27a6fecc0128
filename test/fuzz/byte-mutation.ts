import type { Random } from "./random.ts";

const edges = [0, 1, 0x7f, 0x80, 0xff];

/** Any bytes, up to so many. A quarter of them have only values at the ends of ranges. */
export function anyBytes(random: Random, most: number, least = 0): Uint8Array {
  const made = new Uint8Array(random.int(least, most));
  const only = random.chance(0.25);
  for (let at = 0; at < made.length; at++) made[at] = only ? random.pick(edges) : random.int(0, 255);
  return made;
}

/** The bytes with up to four changed, and now and then up to 40 cut off or added at the end. */
export function changedBytes(random: Random, bytes: Uint8Array): Uint8Array {
  const cut = random.chance(0.75) ? 0 : random.int(-40, 40);
  const changed = new Uint8Array(Math.max(0, bytes.length + cut));
  changed.set(bytes.subarray(0, changed.length));
  if (changed.length > 0)
    for (let times = random.int(0, 4); times > 0; times--)
      changed[random.int(0, changed.length - 1)] = anyByte(random);
  return changed;
}

/** The bytes with up to four places changed, cut out or doubled, or the end cut off. */
export function brokenBytes(random: Random, bytes: Uint8Array): Uint8Array {
  let made: Uint8Array = bytes.slice();
  for (let times = random.int(1, 4); times > 0; times--) {
    const at = random.int(0, made.length);
    const kind = random.int(0, 4);
    if (kind === 0) made = made.slice(0, at);
    else if (kind === 1) made = joined(made.subarray(0, at), made.subarray(at + random.int(1, 8)));
    else if (kind === 2) made = joined(made.subarray(0, at + random.int(1, 12)), made.subarray(at));
    else if (at === made.length) made = joined(made, Uint8Array.of(anyByte(random)));
    else made[at] = anyByte(random);
  }
  return made;
}

function anyByte(random: Random): number {
  return random.chance(0.5) ? random.pick(edges) : random.int(0, 255);
}

function joined(one: Uint8Array, other: Uint8Array): Uint8Array {
  const made = new Uint8Array(one.length + other.length);
  made.set(one);
  made.set(other, one.length);
  return made;
}
