// The packets that nearly all traffic is, without the detour over mqtt-packet: PUBLISH without properties, and acknowledgements. Whatever
// else there is, and whatever is wrong, is left to mqtt-packet.
import type { ClientPacket, ServerPacket, Version } from "../packets.ts";

const acknowledgements = { puback: 0x40, pubrec: 0x50, pubrel: 0x62, pubcomp: 0x70 } as const;

/** Reads one whole packet. Undefined for one that is not plain. `topicBefore`: the topic that it has in all likelihood. */
export function readPlain(bytes: Uint8Array, version: Version, topicBefore = ""): ClientPacket | undefined {
  const first = bytes[0] ?? 0;
  if (first >> 4 === 3) return readPublish(bytes, first, version, topicBefore);
  if (first === acknowledgements.puback && bytes.length === 4) {
    const id = uint16(bytes, 2);
    return id > 0 ? { type: "puback", id, reason: 0 } : undefined;
  }
  return undefined;
}

function readPublish(
  bytes: Uint8Array,
  first: number,
  version: Version,
  topicBefore: string,
): ClientPacket | undefined {
  const qos = (first >> 1) & 3;
  const dup = (first & 8) !== 0;
  if (qos === 3 || (qos === 0 && dup)) return undefined;
  let at = 1;
  while ((bytes[at] ?? 0) >= 0x80) at++;
  at++;
  const topicEnd = at + 2 + uint16(bytes, at);
  const topic = asciiText(bytes, at + 2, topicEnd, topicBefore);
  if (topic === undefined) return undefined;
  let payloadAt = topicEnd;
  let id = 0;
  if (qos > 0) {
    id = uint16(bytes, payloadAt);
    payloadAt += 2;
    if (id === 0) return undefined;
  }
  if (version === 5) {
    if (bytes[payloadAt] !== 0) return undefined;
    payloadAt++;
  }
  if (payloadAt > bytes.length) return undefined;
  const payload = bytes.subarray(payloadAt);
  return { type: "publish", id, topic, payload, qos: qos as 0 | 1 | 2, retain: (first & 1) !== 0, dup };
}

/** The text of these bytes, which may be `before`; undefined where it is empty or not ASCII, or the bytes end before. */
function asciiText(bytes: Uint8Array, from: number, to: number, before: string): string | undefined {
  if (to > bytes.length || from >= to) return undefined;
  let isSame = before.length === to - from;
  for (let at = from; at < to; at++) {
    const byte = bytes[at] as number;
    if (byte >= 0x7f || byte < 0x20) return undefined;
    if (isSame) isSame = byte === before.charCodeAt(at - from);
  }
  return isSame ? before : Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString("latin1");
}

/** 0 where there are no two bytes. */
function uint16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}

/** Writes a packet. Undefined for one that is not plain. */
export function encodePlain(packet: ServerPacket, version: Version): Uint8Array<ArrayBuffer> | undefined {
  switch (packet.type) {
    case "publish": {
      const { topic, payload, qos, retain, dup, id, properties, subscriptionIds } = packet;
      if (version === 5 && (properties !== undefined || subscriptionIds !== undefined)) return undefined;
      const { bytes, at } = startPublish(
        topic,
        payload.length,
        qos > 0 ? id : 0,
        version,
        (qos << 1) | (dup ? 8 : 0) | (retain ? 1 : 0),
      );
      bytes.set(payload, at);
      return bytes;
    }
    case "puback":
    case "pubrec":
    case "pubrel":
    case "pubcomp":
      if (version === 5 && packet.reason > 0) return undefined;
      return new Uint8Array([acknowledgements[packet.type], 2, packet.id >> 8, packet.id & 0xff]);
    default:
      return undefined;
  }
}

/** Writes a PUBLISH of a text. `id` 0: QoS 0. */
export function encodeText(
  topic: string,
  text: string,
  id: number,
  version: Version,
): Uint8Array<ArrayBuffer> {
  const { bytes, at } = startPublish(topic, Buffer.byteLength(text), id, version, id > 0 ? 2 : 0);
  bytes.write(text, at);
  return bytes;
}

/** The bytes of a PUBLISH up to its payload, of which there is room for `length` bytes at `at`. */
function startPublish(
  topic: string,
  length: number,
  id: number,
  version: Version,
  flags: number,
): { readonly bytes: Buffer<ArrayBuffer>; readonly at: number } {
  const topicBytes = Buffer.byteLength(topic);
  const rest = 2 + topicBytes + (id > 0 ? 2 : 0) + (version === 5 ? 1 : 0) + length;
  const digits = rest < 128 ? 1 : rest < 16_384 ? 2 : rest < 2_097_152 ? 3 : 4;
  // Every byte is written.
  const bytes = Buffer.allocUnsafe(1 + digits + rest);
  let at = 0;
  bytes[at++] = 0x30 | flags;
  for (let left = rest, digit = 0; digit < digits; digit++, left = Math.floor(left / 128))
    bytes[at++] = (left % 128) | (digit < digits - 1 ? 0x80 : 0);
  bytes[at++] = topicBytes >> 8;
  bytes[at++] = topicBytes & 0xff;
  bytes.write(topic, at);
  at += topicBytes;
  if (id > 0) {
    bytes[at++] = id >> 8;
    bytes[at++] = id & 0xff;
  }
  if (version === 5) bytes[at++] = 0;
  return { bytes, at };
}
