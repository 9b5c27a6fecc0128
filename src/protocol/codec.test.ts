import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { decodeFrame, decodeHello, isRequestType, maxNesting } from "./codec.ts";
import { requests, silentRequests } from "./requests.ts";

const signal = {
  id: 7,
  type: "signal",
  session: "s_1",
  pair: 1,
  generation: 1,
  candidates: [{ candidate: "candidate:1 1 udp 1 192.0.2.1 9 typ host", sdpMid: "0", sdpMLineIndex: 0 }],
};
const decode = (frame: unknown) => decodeFrame(JSON.stringify(frame));

function refusal(frame: unknown) {
  const result = decode(frame);
  if (!result.ok || result.value.kind !== "refused")
    throw new Error(`not refused: ${JSON.stringify(result)}`);
  return result.value;
}

describe("decodeFrame", () => {
  test("reads a request as it was sent", () => {
    expect(decode(signal)).toEqual({ ok: true, value: { kind: "request", request: signal as never } });
  });

  test("reads what is outside the count", () => {
    expect(decode({ type: "ack", seq: 0 })).toEqual({ ok: true, value: { kind: "ack", seq: 0 } });
    expect(decode({ type: "ping" })).toEqual({ ok: true, value: { kind: "ping" } });
    expect(decode({ type: "pong", extra: 1 })).toEqual({ ok: true, value: { kind: "pong" } });
  });

  test.each([
    ["no JSON", "{"],
    ["an array", "[]"],
    ["a string", '"ping"'],
    ["null", "null"],
    ["nothing", ""],
    ["no type", '{"id":1}'],
    ["a type that is no text", '{"id":1,"type":{}}'],
    ["a request without id", '{"type":"call","to":"bob"}'],
    ["an acknowledgement below zero", '{"type":"ack","seq":-1}'],
    ["an acknowledgement of a fraction", '{"type":"ack","seq":1.5}'],
    ["a second hello", '{"type":"hello","token":"t","instance":"12345678","attempt":1}'],
    ["id 0", '{"id":0,"type":"ringing","session":"s"}'],
    ["an id that is no number", '{"id":"1","type":"ringing","session":"s"}'],
    ["an id that is null", '{"id":null,"type":"ringing","session":"s"}'],
    ["an id beyond 2^53", '{"id":9007199254740993,"type":"ringing","session":"s"}'],
  ])("%s breaks the link", (_, text) => {
    expect(decodeFrame(text).ok).toBe(false);
  });

  test("ignores fields that it does not know", () => {
    const frame = { ...signal, future: { deep: [1, 2, 3] } };
    expect(decode(frame)).toEqual({ ok: true, value: { kind: "request", request: frame as never } });
  });

  test.each(["teleport", "constructor", "__proto__", "toString", "hello", "incoming", ""])(
    "type %p is answered unknown_type under its id",
    (type) => {
      expect(refusal({ id: 3, type })).toMatchObject({ id: 3, error: { code: "unknown_type" } });
    },
  );

  test("says which field is wrong, briefly", () => {
    const { error } = refusal({ ...signal, candidates: [{ candidate: 1 }] });
    expect(error).toEqual({
      code: "bad_request",
      message: "candidates.0.candidate: must be string",
      temporary: false,
    });
    expect(refusal({ id: 1, type: "call" }).error.message).toContain("to");
    expect(
      refusal({ id: 1, type: "confirm", session: "x".repeat(5_000), device: "d" }).error.message.length,
    ).toBeLessThan(201);
  });

  test.each([
    ["arrays", "[", "]"],
    ["objects", '{"a":', "}"],
  ])("%s nested too deep are refused", (_, open, close) => {
    const frame = (levels: number) =>
      decodeFrame(`{"id":1,"type":"send","to":"bob","body":${open.repeat(levels)}1${close.repeat(levels)}}`);
    expect(frame(maxNesting - 1)).toMatchObject({ ok: true, value: { kind: "request" } });
    expect(frame(maxNesting)).toMatchObject({
      ok: true,
      value: { kind: "refused", error: { code: "bad_request" } },
    });
    expect(frame(5_000)).toMatchObject({
      ok: true,
      value: { kind: "refused", error: { code: "bad_request" } },
    });
  });

  test("64 levels are not too deep, nor are brackets in texts, nor many side by side", () => {
    const nested = (levels: number) => JSON.parse("[".repeat(levels) + "]".repeat(levels));
    const send = (body: unknown) => decode({ id: 1, type: "send", to: "bob", body });
    // The frame itself is the first level.
    expect(send(nested(63))).toMatchObject({ value: { kind: "request" } });
    expect(send(nested(64))).toMatchObject({ value: { kind: "refused" } });
    for (const text of ["[".repeat(100), '\\"[{'.repeat(100), `${"\\".repeat(101)}${"[".repeat(100)}`])
      expect(send({ [text]: [text, nested(61)] })).toMatchObject({ value: { kind: "request" } });
    expect(send(["\\", nested(63)])).toMatchObject({ value: { kind: "refused" } });
    expect(send(Array(200).fill([{}]))).toMatchObject({ value: { kind: "request" } });
  });

  test("an unknown field nested too deep is refused as well", () => {
    const text = `{"id":1,"type":"ringing","session":"s","x":${"[".repeat(100)}${"]".repeat(100)}}`;
    expect(decodeFrame(text)).toMatchObject({ ok: true, value: { kind: "refused" } });
  });

  test("control characters and lone surrogates are no part of an id", () => {
    for (const device of ["a\u0000", "a\u200b", "a\u202eb", "\ud800", "a b", "a/b", "a:b", "a*", ""])
      expect(refusal({ id: 1, type: "confirm", session: "s", device }).error.code).toBe("bad_request");
  });

  test("mid names of media notes are bounded", () => {
    expect(decode({ ...signal, media: { "0": { muted: true } } })).toMatchObject({
      value: { kind: "request" },
    });
    expect(refusal({ ...signal, media: { ["0".repeat(129)]: {} } }).error.code).toBe("bad_request");
    expect(refusal({ ...signal, media: { "0\n": { muted: "yes" } } }).error.code).toBe("bad_request");
  });

  test("never throws, whatever the text", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: "binary" }), fc.json()), (text) => {
        const result = decodeFrame(text);
        return typeof result.ok === "boolean" && typeof decodeHello(text).ok === "boolean";
      }),
      { numRuns: 500 },
    );
  });

  test("never throws and keeps the id, whatever the fields", () => {
    const types = Object.keys(requests);
    const names = [...new Set(Object.values(requests).flatMap((schema) => Object.keys(schema.properties)))];
    fc.assert(
      fc.property(
        fc.constantFrom(...types),
        fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
        fc.dictionary(fc.constantFrom(...names), fc.jsonValue()),
        (type, id, fields) => {
          const result = decode({ ...fields, id, type });
          if (!result.ok) return false;
          const { value } = result;
          return value.kind === "request"
            ? value.request.id === id
            : value.kind === "refused" && value.id === id;
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe("status", () => {
  const read = (status: string) => decode({ id: 1, type: "status", status });

  test("is any text that XML can hold", () => {
    for (const status of ["", "in a meeting", "two\r\nlines\t", "👩‍💻 \u202e", "\u007f"])
      expect(read(status)).toMatchObject({ ok: true, value: { kind: "request", request: { status } } });
  });

  test("is refused with what XML has no form for", () => {
    for (const bad of ["\u0000", "\u0001", "\u000b", "\u001b", "\ud800", "x\udc00", "\ufffe", "\uffff"])
      expect(read(`a${bad}b`)).toMatchObject({
        ok: true,
        value: { kind: "refused", error: { code: "bad_request" } },
      });
  });
});

describe("decodeHello", () => {
  const hello = { type: "hello", token: "dev:alice", instance: "12345678", attempt: 1 };
  const read = (frame: unknown) => decodeHello(JSON.stringify(frame));

  test("reads the smallest and the largest hello", () => {
    expect(read(hello)).toEqual({ ok: true, value: hello as never });
    const full = {
      ...hello,
      device: { id: "phone", kind: "phone", name: "Alice's phone", capabilities: { trickle: false } },
      resume: { link: "l_1", secret: "x", home: "n1", seq: 40 },
      sessions: ["ticket"],
      features: ["calls"],
      future: true,
    };
    expect(read(full)).toEqual({ ok: true, value: full as never });
  });

  test.each([
    ["another frame", { type: "ping" }],
    ["an empty token", { ...hello, token: "" }],
    ["a short instance", { ...hello, instance: "1234567" }],
    ["attempt 0", { ...hello, attempt: 0 }],
    ["a device id with a slash", { ...hello, device: { id: "a/b" } }],
    ["a kind in capitals", { ...hello, device: { kind: "Phone" } }],
    ["a name with a control character", { ...hello, device: { name: "a\u0007" } }],
    ["a resume without seq", { ...hello, resume: { link: "l", secret: "s" } }],
    ["too many tickets", { ...hello, sessions: Array.from({ length: 65 }, () => "t") }],
  ])("refuses %s", (_, frame) => {
    const result = read(frame);
    expect(result.ok).toBe(false);
    if (!result.ok) expect(result.error.length).toBeGreaterThan(5);
  });

  test("refuses what is nested too deep", () => {
    const deep = JSON.parse("[".repeat(200) + "]".repeat(200));
    expect(read({ ...hello, device: { capabilities: { future: deep } } }).ok).toBe(false);
  });
});

test("isRequestType knows the requests and nothing else", () => {
  for (const type of Object.keys(requests)) expect(isRequestType(type)).toBe(true);
  for (const type of ["constructor", "hello", "incoming", ""]) expect(isRequestType(type)).toBe(false);
  for (const type of silentRequests) expect(isRequestType(type)).toBe(true);
});
