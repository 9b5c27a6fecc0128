import { expect, test } from "bun:test";
import { type AmfValue, decodeAmf, encodeAmf } from "./amf.ts";
import { RtmpChunkReader, rtmpChunks } from "./chunks.ts";
import { RtmpPublisher } from "./publisher.ts";

const target = { tls: false, host: "host", port: 1_935, app: "app", key: "key" };

/** A publisher whose server answers what the test gives: `said` is what becomes of it. */
function publisher(): { readonly it: RtmpPublisher; readonly said: string[]; readonly sent: Uint8Array[] } {
  const [said, sent]: [string[], Uint8Array[]] = [[], []];
  const ports = {
    send: (bytes: Uint8Array) => sent.push(bytes),
    publishing: () => said.push("publishing"),
    failed: (reason: string) => said.push(reason),
  };
  return { it: new RtmpPublisher(target, ports, new Uint8Array(1_528)), said, sent };
}

const handshake = Uint8Array.from({ length: 1 + 2 * 1_536 }, (_, at) => (at === 0 ? 3 : 0));
const command = (...values: readonly AmfValue[]): Uint8Array =>
  rtmpChunks(3, { type: 20, stream: 0, time: 0, body: encodeAmf(...values) }, 128);

test("AMF0 comes back as it went, and what is malformed doesn't come", () => {
  const values = [1.5, true, "text", null, undefined, { name: "größer", inner: { n: 1 } }, [1, "two"]];
  expect(decodeAmf(encodeAmf(...values))).toEqual(values);
  const bytes = encodeAmf(...values);
  for (let length = 1; length < bytes.length; length++) decodeAmf(bytes.subarray(0, length));
  expect(decodeAmf(Uint8Array.of(3, 0, 1))).toBeUndefined();
  expect(decodeAmf(Uint8Array.of(10, 255, 255, 255, 255))).toBeUndefined();
  // Arrays within arrays have an end.
  expect(decodeAmf(Uint8Array.from({ length: 500 }, (_, n) => [10, 0, 0, 0, 1][n % 5] ?? 0))).toBeUndefined();
});

test("messages cut into chunks come back, at all sizes and however they are split", () => {
  const messages = [0, 1, 127, 128, 129, 5_000].map((length, n) => ({
    ...{ type: 8 + (n & 1), stream: 1, time: n < 3 ? n * 1_000 : 0x1000000 + n },
    body: Uint8Array.from({ length }, (_, at) => at),
  }));
  for (const step of [1, 7, 1_000]) {
    const reader = new RtmpChunkReader();
    const bytes = Buffer.concat(messages.map((message) => rtmpChunks(4, message, 128)));
    const read: unknown[] = [];
    for (let at = 0; at < bytes.length; at += step)
      expect(
        reader.push(Uint8Array.from(bytes.subarray(at, at + step)), (message) => read.push(message)),
      ).toBe(true);
    expect(read).toEqual(messages);
  }
  expect(new RtmpChunkReader().push(Uint8Array.of(0xc5), () => {})).toBe(false);
});

test("a server that takes the stream; media leaves only then", () => {
  const { it, said, sent } = publisher();
  it.receive(handshake);
  it.media("video", 0, Uint8Array.of(1));
  it.receive(command("_result", 1, {}, { code: "NetConnection.Connect.Success" }));
  it.receive(command("_result", 4, null, 7));
  const before = sent.length;
  expect(said).toEqual([]);
  it.receive(command("onStatus", 0, null, { level: "status", code: "NetStream.Publish.Start" }));
  expect(said).toEqual(["publishing"]);
  it.media("video", 40, Uint8Array.of(1));
  expect([...(sent[before] ?? [])]).toEqual([4, 0, 0, 40, 0, 0, 1, 9, 7, 0, 0, 0, 1]);
});

test("refusals are told by their code, without what else the server says", () => {
  for (const [info, words] of [
    [
      { level: "error", code: "NetStream.Publish.BadName", description: "key is taken" },
      "NetStream.Publish.BadName",
    ],
    [{ level: "error", code: "key" }, "without a reason"],
  ] as const) {
    const { it, said } = publisher();
    it.receive(handshake);
    it.receive(command("onStatus", 0, null, info));
    expect(said).toEqual([`the target refused: ${words}`]);
  }
  const { it, said } = publisher();
  it.receive(new TextEncoder().encode("HTTP/1.1 400 Bad Request"));
  it.receive(handshake);
  expect(said).toEqual(["the target speaks no RTMP"]);
});
