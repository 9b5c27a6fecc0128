import { expect, test } from "bun:test";
import { parseNatsUrl } from "./nats-url.ts";

const plain = { host: "nats.example", port: 4_222, secure: false };

test("addresses", () => {
  expect(parseNatsUrl("nats://nats.example")).toEqual(plain);
  expect(parseNatsUrl("nats://nats.example:5000/")).toEqual({ ...plain, port: 5_000 });
  expect(parseNatsUrl("tls://10.0.0.1:443")).toEqual({ host: "10.0.0.1", port: 443, secure: true });
  expect(parseNatsUrl("nats://[::1]:4222")).toEqual({ ...plain, host: "[::1]" });
});

test("who we are", () => {
  expect(parseNatsUrl("nats://a:b%40c@nats.example")).toEqual({ ...plain, user: "a", password: "b@c" });
  expect(parseNatsUrl("nats://t0ken@nats.example")).toEqual({ ...plain, token: "t0ken" });
});

for (const text of [
  ...["", "nats", "nats://", "nats.example:4222", "http://nats.example", "ws://nats.example"],
  ...[
    "nats://nats.example/path",
    "nats://nats.example?x",
    "nats://a:%zz@nats.example",
    "nats://nats.example:99999",
  ],
  ...["nats://a b", "nats://x\r\nPUB y"],
])
  test(`refuses ${JSON.stringify(text)}`, () => {
    expect(parseNatsUrl(text)).toBeUndefined();
  });
