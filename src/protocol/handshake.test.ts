import { describe, expect, test } from "bun:test";
import { Compile } from "typebox/compile";
import { Goodbye, Hello, resumeRefusals, ServerAck, Welcome } from "./handshake.ts";
import { defaultLimits, toldLimits } from "./limits.ts";

const welcome = {
  type: "welcome",
  resumed: false,
  reason: "expired",
  link: "l_1",
  secret: "x",
  home: "n1",
  got: 0,
  user: "alice",
  device: "phone",
  expires: 3_600_000,
  iceServers: [{ urls: ["stun:stun.example.org"] }],
  limits: { frameBytes: 65_536 },
  features: ["calls"],
};

describe("welcome", () => {
  const schema = Compile(Welcome);

  test("takes its reasons from the table of refusals, no more and no less", () => {
    for (const reason of Object.keys(resumeRefusals)) expect(schema.Check({ ...welcome, reason })).toBe(true);
    const { reason: _, ...plain } = welcome;
    expect(schema.Check(plain)).toBe(true);
    expect(schema.Check({ ...welcome, reason: "because" })).toBe(false);
    expect(Welcome.properties.reason.anyOf.map((one) => one.const as string).sort()).toEqual(
      Object.keys(resumeRefusals).sort(),
    );
  });

  test("needs each of the fields that a client goes on with", () => {
    for (const field of ["link", "secret", "home", "got", "user", "device", "iceServers", "limits"]) {
      const { [field as "link"]: _, ...rest } = welcome;
      expect(schema.Check(rest)).toBe(false);
    }
  });
});

test("hello takes the id characters of an address and no others", () => {
  const schema = Compile(Hello);
  const hello = (id: string) => ({
    type: "hello",
    token: "t",
    instance: "12345678",
    attempt: 1,
    device: { id },
  });
  expect(schema.Check(hello("phone-李"))).toBe(true);
  for (const id of ["", "a b", "a/b", "a:b", "a*", "a\u0000", "x".repeat(129)])
    expect(schema.Check(hello(id))).toBe(false);
});

test("goodbye names one of three actions", () => {
  const schema = Compile(Goodbye);
  for (const action of ["resume", "reconnect", "stop"])
    expect(schema.Check({ type: "goodbye", action, after: 100, url: "wss://b.example.org/ws" })).toBe(true);
  expect(schema.Check({ type: "goodbye", action: "run" })).toBe(false);
});

test("the server's acknowledgement counts requests, from none", () => {
  const schema = Compile(ServerAck);
  expect(schema.Check({ type: "ack", id: 0 })).toBe(true);
  expect(schema.Check({ type: "ack", id: -1 })).toBe(false);
  expect(schema.Check({ type: "ack" })).toBe(false);
});

test("what is told of the limits are limits, each once", () => {
  expect(new Set(toldLimits).size).toBe(toldLimits.length);
  for (const name of toldLimits) expect(Object.hasOwn(defaultLimits, name)).toBe(true);
});
