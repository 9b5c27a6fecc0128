import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { keepAlive, pong } from "./keep-alive.ts";
import { type StreamFault, StreamFraming } from "./stream-framing.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

function cut(chunks: readonly Uint8Array[]) {
  const framing = new StreamFraming();
  const got: string[] = [];
  let fault: StreamFault | undefined;
  for (const chunk of chunks)
    fault = framing.push(chunk, {
      message: (bytes) => void got.push(decoder.decode(bytes)),
      ping: () => void got.push("ping"),
    });
  return { got, fault, pending: framing.pending };
}

const message = (body: string, length = `Content-Length: ${encoder.encode(body).length}`) =>
  `MESSAGE sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP c\r\n${length}\r\n\r\n${body}`;

describe("stream framing", () => {
  test("any chunks of the same bytes give the same messages and pings", () => {
    const stream = encoder.encode(
      `\r\n\r\n${message("né")}\r\n${message("")}\r\n\r\n\r\n\r\n${message("x\r\n\r\ny", "l :\r\n 6")}`,
    );
    const expected = ["ping", message("né"), message(""), "ping", "ping", message("x\r\n\r\ny", "l :\r\n 6")];
    fc.assert(
      fc.property(fc.array(fc.nat(stream.length), { maxLength: 12 }), (cuts) => {
        const places = [0, ...cuts.sort((one, other) => one - other), stream.length];
        const chunks = places.slice(1).map((end, index) => stream.slice(places[index], end));
        expect(cut(chunks)).toEqual({ got: expected, fault: undefined, pending: 0 });
      }),
    );
    expect(cut([...stream].map((byte) => Uint8Array.of(byte))).got).toEqual(expected);
  });

  test("a message is never written to again", () => {
    const framing = new StreamFraming();
    const kept: Uint8Array[] = [];
    const taker = { message: (bytes: Uint8Array) => void kept.push(bytes), ping: () => {} };
    for (const body of ["one", "two", "six"])
      for (const byte of encoder.encode(message(body))) framing.push(Uint8Array.of(byte), taker);
    expect(kept.map((bytes) => decoder.decode(bytes).slice(-3))).toEqual(["one", "two", "six"]);
  });

  test("what can't be framed ends the stream, with the head that is to be answered", () => {
    for (const length of ["X: 1", "Content-Length: -1", "Content-Length: 1\r\nl: 1", "Content-Length: 1e1"]) {
      const { fault, got } = cut([encoder.encode(message("", length)), encoder.encode(message(""))]);
      expect(got).toEqual([]);
      expect(fault?.reason).toBe("no usable Content-Length");
      expect(decoder.decode(fault?.head)).toBe(message("", length));
    }
    expect(cut([encoder.encode(message("", "Content-Length: 65536"))]).fault?.reason).toBe(
      "message too long",
    );
  });

  test("headers without an end are given up early, and hold no memory then", () => {
    const chunk = encoder.encode("X-Filler: abcdefghijklmnopqrstuvwxyz\r\n".repeat(100));
    const framing = new StreamFraming();
    let pushed = 0;
    let fault: StreamFault | undefined;
    while (fault === undefined && pushed < 1e6) {
      fault = framing.push(chunk, { message: () => {}, ping: () => {} });
      pushed += chunk.length;
    }
    expect(fault?.reason).toBe("headers too long");
    expect(pushed).toBeLessThan(40_000);
    expect(framing.pending).toBe(0);
  });
});

test("keep-alives of a WebSocket", () => {
  expect(keepAlive("\r\n\r\n")).toBe("ping");
  expect(keepAlive(encoder.encode("\r\n\r\n"))).toBe("ping");
  expect(keepAlive(pong)).toBe("pong");
  for (const other of ["", "\n\r", "\r\n\r", "\r\n\r\n\r\n", "BYE "])
    expect(keepAlive(other)).toBeUndefined();
});
