import { expect, test } from "bun:test";
import { isSigned, signedHeaders, webhookKey } from "./standard-webhooks.ts";

// The example of the specification's libraries.
const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const message = { id: "msg_p5jXN8AQM9LWM0D4loKWxJek", seconds: 1_614_265_330, body: '{"test": 2432232314}' };

const key = (text: string): Uint8Array => {
  const found = webhookKey(text);
  if (found === undefined) throw new Error(`${text} is no secret`);
  return found;
};
const reader = (headers: Record<string, string>) => (name: string) => headers[name] ?? null;

test("a message is signed as the specification has it", () => {
  expect(signedHeaders([key(secret)], message)).toEqual({
    "webhook-id": message.id,
    "webhook-timestamp": "1614265330",
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
  });
});

test("either key of a rotation verifies; another key, body, id or time does not", () => {
  const other = key(`whsec_${Buffer.alloc(32, 7).toString("base64")}`);
  const headers = signedHeaders([other, key(secret)], message);
  const at = message.seconds;
  for (const one of [other, key(secret)])
    expect(isSigned([one], reader(headers), message.body, at + 299)).toBeTrue();
  const stranger = key(`whsec_${Buffer.alloc(32, 8).toString("base64")}`);
  expect(isSigned([stranger], reader(headers), message.body, at)).toBeFalse();
  expect(isSigned([other], reader(headers), `${message.body} `, at)).toBeFalse();
  expect(isSigned([other], reader({ ...headers, "webhook-id": "msg_other" }), message.body, at)).toBeFalse();
  expect(isSigned([other], reader(headers), message.body, at + 301)).toBeFalse();
  expect(isSigned([other], reader({}), message.body, at)).toBeFalse();
});

test("a secret is base64 of 24 to 64 bytes", () => {
  for (const wrong of [
    "",
    "whsec_",
    secret.slice(6),
    "whsec_!!!!",
    `whsec_${Buffer.alloc(23).toString("base64")}`,
  ])
    expect([wrong, webhookKey(wrong)]).toEqual([wrong, undefined]);
  expect(webhookKey(`whsec_${Buffer.alloc(65).toString("base64")}`)).toBeUndefined();
});
