import { expect, test } from "bun:test";
import { decodeAmf, encodeAmf } from "../../src/media/rtmp/amf.ts";
import { rtmpChunks } from "../../src/media/rtmp/chunks.ts";
import { RtmpPublisher } from "../../src/media/rtmp/publisher.ts";
import { brokenBytes } from "./byte-mutation.ts";
import { chance, fuzzRounds, rounds } from "./target.ts";

const servers = fuzzRounds(2_000);
const target = { tls: false, host: "host", port: 1_935, app: "app", key: "the-secret" };

/** What a server says that takes the stream, in the order in which it says it. */
const handshake = Uint8Array.from({ length: 1 + 2 * 1_536 }, (_, at) => (at === 0 ? 3 : 0));
const messages = [
  { type: 5, stream: 0, time: 0, body: Uint8Array.of(0, 0x4c, 0x4b, 0x40) },
  { type: 1, stream: 0, time: 0, body: Uint8Array.of(0, 0, 16, 0) },
  {
    type: 20,
    stream: 0,
    time: 0,
    body: encodeAmf("_result", 1, { a: [1, "b"] }, { code: "x", level: "status" }),
  },
  { type: 20, stream: 0, time: 0, body: encodeAmf("_result", 4, null, 1) },
  { type: 4, stream: 0, time: 0, body: Uint8Array.of(0, 6, 1, 2, 3, 4) },
  {
    ...{ type: 20, stream: 1, time: 0x1000000 },
    body: encodeAmf("onStatus", 0, null, {
      level: "status",
      code: "NetStream.Publish.Start",
      d: "the-secret",
    }),
  },
];

test("servers of RTMP that mean harm: nothing throws, what is sent is bounded, and the key is never repeated", () => {
  const random = chance();
  let published = 0;
  for (const n of rounds(servers)) {
    let sent = 0;
    const said: string[] = [];
    const publisher = new RtmpPublisher(
      target,
      {
        send: (bytes) => {
          sent += bytes.length;
        },
        publishing: () => {
          published++;
          said.push("publishing");
        },
        failed: (reason) => said.push(reason),
      },
      new Uint8Array(1_528),
    );
    publisher.receive(random.chance(0.02) ? brokenBytes(random, handshake) : handshake);
    const size = random.pick([128, 128, 128, 1, 4_096]);
    for (const message of messages) {
      const bytes = rtmpChunks(random.int(2, 5), message, size);
      publisher.receive(random.chance(0.3) ? brokenBytes(random, bytes) : bytes);
    }
    publisher.media("video", n, Uint8Array.of(1, 2, 3));
    publisher.end();
    expect(sent).toBeLessThan(8_000);
    expect(said.length).toBeLessThanOrEqual(2);
    expect(said.join()).not.toContain("secret");
    decodeAmf(brokenBytes(random, messages[random.int(2, 3)]?.body ?? new Uint8Array()));
  }
  // The grammar is of use: many come through.
  expect(published).toBeGreaterThan(servers / 20);
});
