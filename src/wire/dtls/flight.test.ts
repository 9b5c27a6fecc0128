import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { dtlsCrypto } from "../../net/dtls-crypto.ts";
import { ByteReader } from "./bytes.ts";
import { type Flight, packFlight } from "./flight.ts";
import { type HandshakeMessage, handshakeMessage, readFragment } from "./handshake-message.ts";
import { Reassembly } from "./reassembly.ts";
import { contentType, readRecords } from "./record.ts";
import { RecordOpener, RecordWriter } from "./record-protection.ts";

const keys = {
  writeKey: new Uint8Array(16).fill(1),
  writeIv: new Uint8Array(4),
  readKey: new Uint8Array(16).fill(1),
  readIv: new Uint8Array(4),
};
const body = fc.integer({ min: 0, max: 900 }).map((length) => Uint8Array.from({ length }, (_, at) => at * 7));

/** The messages that a receiver puts together, and how many fragments each record had. */
function receive(datagrams: readonly Uint8Array[], count: number) {
  const opener = new RecordOpener(dtlsCrypto, keys);
  const reassembly = new Reassembly();
  const fragments: { readonly isPart: boolean }[][] = [];
  for (const datagram of datagrams)
    for (const record of readRecords(datagram)) {
      if (record.type === contentType.changeCipherSpec) continue;
      const content = record.epoch === 0 ? record.body : (opener.open(record) ?? new Uint8Array(0));
      const reader = new ByteReader(content);
      const list: { readonly isPart: boolean }[] = [];
      while (reader.left > 0) {
        const fragment = readFragment(reader);
        if (fragment === undefined) throw new Error("a record that ends within a fragment");
        list.push({ isPart: fragment.part.length < fragment.length });
        reassembly.add(fragment);
      }
      fragments.push(list);
    }
  return { fragments, messages: Array.from({ length: count }, (_, sequence) => reassembly.whole(sequence)) };
}

describe("a flight", () => {
  test("arrives whole in datagrams of at most the MTU; a fragment of a message is alone in its record", () => {
    fc.assert(
      fc.property(
        fc.array(body, { minLength: 1, maxLength: 7 }),
        fc.option(body),
        fc.integer({ min: 128, max: 1_400 }),
        (bodies, last, mtu) => {
          const plain = bodies.map((one, sequence) => handshakeMessage(11, sequence, one));
          const sealed = last && handshakeMessage(20, plain.length, last);
          const flight: Flight = sealed ? { plain, sealed } : { plain };
          const writer = new RecordWriter(dtlsCrypto);
          writer.protectWith(keys);
          const datagrams = packFlight(flight, mtu, writer);
          for (const { length } of datagrams) expect(length).toBeLessThanOrEqual(mtu);
          const all: HandshakeMessage[] = sealed ? [...plain, sealed] : plain;
          const { fragments, messages } = receive(datagrams, all.length);
          expect(messages.map((one) => one?.bytes)).toEqual(all.map(({ bytes }) => bytes));
          for (const list of fragments) if (list.some(({ isPart }) => isPart)) expect(list).toHaveLength(1);
        },
      ),
    );
  });

  test("that is small is one datagram with one record", () => {
    const plain = Array.from({ length: 5 }, (_, sequence) =>
      handshakeMessage(11, sequence, new Uint8Array(100)),
    );
    const [datagram, ...more] = packFlight({ plain }, 1_200, new RecordWriter(dtlsCrypto));
    expect(more).toEqual([]);
    expect(datagram).toHaveLength(13 + 5 * 112);
  });
});
