import { expect, test } from "bun:test";
import fc from "fast-check";
import * as packets from "mqtt-packet";
import type { ServerPacket, Version } from "../packets.ts";
import { encodePlain, encodeText, readPlain } from "./plain-packets.ts";

const version = fc.constantFrom<Version>(4, 5);
const topic = fc.oneof(
  fc.constantFrom("sb/1/d/alice/cam/t", "a", "a/+/b", "#", "ä/ö", "a b", "a\u0001b"),
  fc.string({ minLength: 1, maxLength: 40 }),
);
const message = fc.record({
  ...{ topic, payload: fc.uint8Array({ maxLength: 300 }), qos: fc.constantFrom(0, 1, 2) },
  ...{ retain: fc.boolean(), dup: fc.boolean(), id: fc.integer({ min: 1, max: 65_535 }) },
});

const hex = (bytes: Uint8Array | undefined) => bytes && Buffer.from(bytes).toString("hex");

/** What mqtt-packet reads, or undefined where it finds fault. */
function parsed(bytes: Uint8Array, protocolVersion: Version): packets.Packet | undefined {
  const found: packets.Packet[] = [];
  const parser = packets.parser({ protocolVersion });
  parser.on("packet", (packet) => found.push(packet));
  parser.on("error", () => {});
  try {
    return parser.parse(Buffer.from(bytes)) === 0 ? found[0] : undefined;
  } catch {
    return undefined;
  }
}

test("what is read as plain, mqtt-packet reads as the same", () => {
  let plain = 0;
  fc.assert(
    fc.property(message, version, fc.boolean(), fc.string(), (one, protocolVersion, known, other) => {
      const { id, topic: name, payload, qos, retain, dup } = one;
      const bytes = packets.generate(
        {
          cmd: "publish",
          topic: name,
          payload: Buffer.from(payload),
          qos,
          retain,
          dup,
          messageId: id,
        } as never,
        { protocolVersion },
      );
      const read = readPlain(new Uint8Array(bytes), protocolVersion, known ? name : other);
      if (read?.type !== "publish") return;
      plain++;
      const reference = parsed(bytes, protocolVersion) as packets.IPublishPacket;
      expect(read).toMatchObject({
        topic: reference.topic,
        qos: reference.qos,
        retain: reference.retain,
        dup: reference.dup,
      });
      expect(read.id).toBe(reference.messageId ?? 0);
      expect(hex(read.payload)).toBe(hex(reference.payload as Buffer));
    }),
    { numRuns: 500 },
  );
  expect(plain).toBeGreaterThan(100);
});

test("of broken bytes nothing is read that mqtt-packet would not read", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 2, maxLength: 40 }), version, (bytes, protocolVersion) => {
      // As framing gives them: a whole packet by its length.
      const whole = Uint8Array.from([0x30 | ((bytes[0] ?? 0) & 15), bytes.length - 1, ...bytes.slice(1)]);
      const read = readPlain(whole, protocolVersion);
      if (read?.type !== "publish") return;
      const reference = parsed(whole, protocolVersion) as packets.IPublishPacket | undefined;
      expect(reference?.topic).toBe(read.topic);
    }),
    { numRuns: 1_000 },
  );
});

test("what is written as plain is what mqtt-packet writes", () => {
  fc.assert(
    fc.property(message, version, (one, protocolVersion) => {
      const { id, topic: name, payload, qos, retain, dup } = one;
      const level = qos === 2 ? 1 : qos;
      const packet = {
        type: "publish",
        topic: name,
        payload,
        qos: level,
        retain,
        dup: dup && level > 0,
        id,
      } as ServerPacket;
      const reference = packets.generate(
        {
          cmd: "publish",
          topic: name,
          payload: Buffer.from(payload),
          qos: level,
          retain,
          dup: dup && level > 0,
          messageId: id,
        } as never,
        { protocolVersion },
      );
      expect(hex(encodePlain(packet, protocolVersion))).toBe(hex(reference));
      const text = Buffer.from(payload).toString("latin1");
      expect(hex(encodeText(name, text, level === 0 ? 0 : id, protocolVersion))).toBe(
        hex(
          packets.generate(
            {
              cmd: "publish",
              topic: name,
              payload: text,
              qos: level,
              retain: false,
              dup: false,
              messageId: id,
            } as never,
            { protocolVersion },
          ),
        ),
      );
    }),
    { numRuns: 300 },
  );
  for (const type of ["puback", "pubrec", "pubrel", "pubcomp"] as const)
    expect(hex(encodePlain({ type, id: 300, reason: 0 }, 5))).toBe(
      hex(packets.generate({ cmd: type, messageId: 300 }, { protocolVersion: 4 })),
    );
  expect(encodePlain({ type: "puback", id: 1, reason: 0x87 }, 5)).toBeUndefined();
});
