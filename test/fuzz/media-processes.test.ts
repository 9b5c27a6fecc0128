import { expect, test } from "bun:test";
import { FrameWriter, frameType, packetOf, RelayReader, renditionOf } from "../../src/media/relay/frames.ts";
import { LineReader, lineOf } from "../../src/media/share/messages.ts";
import type { OpenedRtp } from "../../src/wire/srtp/receiver.ts";
import { anyBytes, brokenBytes } from "./byte-mutation.ts";
import type { Random } from "./random.ts";
import { chance, fuzzRounds, rounds } from "./target.ts";

const count = fuzzRounds(3_000);

/** Gives the bytes in pieces, until one is not taken. */
function inPieces(random: Random, bytes: Uint8Array, take: (piece: Uint8Array) => boolean): boolean {
  const most = random.pick([8, 60, 400]);
  for (let at = 0, end = 0; at < bytes.length; at = end) {
    end = at + random.int(1, most);
    if (!take(bytes.slice(at, end))) return false;
  }
  return true;
}

/** Up to eight of something. */
function several<T>(random: Random, make: () => T): T[] {
  return Array.from({ length: random.int(0, 8) }, make);
}

function anyText(random: Random): string {
  return String.fromCharCode(
    ...several(random, () => random.pick([random.int(0, 127), random.int(0, 0xd7ff), 10, 34])),
  );
}

test("lines of processes that share a media server: any bytes in any pieces never throw, and whole lines arrive whole", () => {
  const random = chance(1);
  for (const _ of rounds(count)) {
    const lines = several(
      random,
      () => ({ t: "chunk", ref: random.int(0, 2 ** 31), data: anyText(random) }) as const,
    );
    const whole = new Uint8Array(Buffer.concat(lines.map(lineOf)));
    const broken = random.chance(0.4);
    const reader = new LineReader();
    const heard: unknown[] = [];
    const taken = inPieces(random, broken ? brokenBytes(random, whole) : whole, (piece) =>
      reader.push(piece, (message) => heard.push(message)),
    );
    if (broken) continue;
    expect(taken).toBe(true);
    expect(JSON.stringify(heard)).toBe(JSON.stringify(lines));
  }
});

test("a line without an end is given up", () => {
  const reader = new LineReader();
  const chunk = new Uint8Array(1 << 18).fill(32);
  expect([1, 2, 3, 4, 5].map(() => reader.push(chunk, () => {}))).toEqual([true, true, true, true, false]);
});

test("frames between workers: any bytes in any pieces never throw, and whole frames arrive whole", () => {
  const random = chance(2);
  for (const _ of rounds(count)) {
    const packets = several(random, () => ({
      packet: anyBytes(random, 60, 12),
      index: random.int(0, random.pick([2 ** 31, 2 ** 48 - 1])),
    }));
    const writer = new FrameWriter();
    for (const one of packets) writer.rtp(one);
    const whole = writer.take();
    const broken = random.chance(0.4);
    const reader = new RelayReader();
    const heard: (OpenedRtp | undefined)[] = [];
    const taken = inPieces(random, broken ? brokenBytes(random, whole) : whole, (piece) =>
      reader.push(piece, ({ type, body }) => {
        if (type === frameType.rtp || broken) heard.push(packetOf(body));
        if (broken) renditionOf(body);
      }),
    );
    if (broken) continue;
    expect(taken).toBe(true);
    expect(heard.map((one) => one?.index)).toEqual(packets.map(({ index }) => index));
    for (const [at, one] of heard.entries())
      if (Buffer.compare(one?.packet ?? whole, packets[at]?.packet ?? whole) !== 0)
        throw new Error(`packet ${at} of ${Buffer.from(whole).toString("hex")}`);
  }
});
