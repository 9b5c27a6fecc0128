import { describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { VerificationError, verifyHook, verifyWebhook } from "../../src/application/index.ts";
import { signedHeaders, webhookKey } from "../../src/net/standard-webhooks.ts";
import { installPeers } from "../support/peers.ts";

const { Webhook } = createRequire(`${installPeers()}package.json`)("standardwebhooks") as {
  Webhook: new (
    secret: string,
  ) => {
    sign(id: string, at: Date, body: string): string;
    verify(body: string, headers: Record<string, string>): unknown;
  };
};

const secretOf = (byte: number, length = 32): string =>
  `whsec_${Buffer.alloc(length, byte).toString("base64")}`;
const [secret, former, stranger] = [secretOf(1), secretOf(2), secretOf(3)];
const body = JSON.stringify({ type: "session.ended", timestamp: "2026-09-21T13:33:20.000Z", data: { n: 4 } });
const now = Date.now();
const seconds = Math.floor(now / 1_000);

/** As the library of Standard Webhooks signs. */
const signed = (by: string, text = body, id = "msg_1"): Record<string, string> => ({
  "webhook-id": id,
  "webhook-timestamp": String(seconds),
  "webhook-signature": new Webhook(by).sign(id, new Date(seconds * 1_000), text),
});

describe("the Python of docs/events.md", () => {
  test("takes what the server signs with either secret, and refuses what was changed", () => {
    const docs = readFileSync(new URL("../../docs/events.md", import.meta.url), "utf8");
    const code = docs.match(/```python\n([\s\S]*?)```/)?.[1] ?? "";
    const keys = [former, secret].flatMap((one) => webhookKey(one) ?? []);
    const headers = signedHeaders(keys, { id: "msg_1", seconds, body });
    const tries = [
      [body, secret],
      [body, former],
      [body, stranger],
      [`${body} `, secret],
    ];
    const input = JSON.stringify({ headers, tries });
    const program = `${code}
import json, sys
given = json.load(sys.stdin)
print([verify_webhook(body.encode(), given["headers"], secret) for body, secret in given["tries"]])`;
    const ran = spawnSync("python3", ["-c", program], { encoding: "utf8", input });
    expect([ran.stderr, ran.stdout.trim()]).toEqual(["", "[True, True, False, False]"]);
  });
});

describe("verifyWebhook", () => {
  test("takes what standardwebhooks signs, and standardwebhooks what the server signs", async () => {
    const expected = { id: "msg_1", type: "session.ended", timestamp: "2026-09-21T13:33:20.000Z" };
    const headers = signed(secret);
    expect(await verifyWebhook(body, headers, secret)).toMatchObject(expected);
    expect(await verifyWebhook(Buffer.from(body), new Headers(headers), secret)).toMatchObject(expected);
    const keys = [former, secret].flatMap((one) => webhookKey(one) ?? []);
    const both = signedHeaders(keys, { id: "msg_1", seconds, body });
    for (const one of [former, secret]) {
      expect(new Webhook(one).verify(body, both)).toMatchObject({ data: { n: 4 } });
      expect(await verifyWebhook(body, both, one)).toMatchObject(expected);
    }
    // During a rotation the receiver may have both as well.
    expect(await verifyWebhook(body, headers, [former, secret])).toMatchObject(expected);
    expect(
      await verifyWebhook('{"type":"ü","data":"😀"}', signed(secret, '{"type":"ü","data":"😀"}'), secret),
    )
      // biome-ignore lint/suspicious/noExplicitAny: no event of the catalog
      .toMatchObject({ type: "ü", data: "😀" } as any);
  });

  test("refuses everything else, and so does standardwebhooks", async () => {
    const good = signed(secret);
    const cases: [string, Record<string, string>, string?][] = [
      ["another secret", signed(stranger)],
      ["another body", good, `${body} `],
      ["another id", { ...good, "webhook-id": "msg_2" }],
      ["another time", { ...good, "webhook-timestamp": String(seconds - 1) }],
      ["no signature", { ...good, "webhook-signature": "" }],
      ["another version", { ...good, "webhook-signature": good["webhook-signature"]!.replace("v1,", "v2,") }],
      ["no base64", { ...good, "webhook-signature": "v1,!!!!" }],
      ["no time", { ...good, "webhook-timestamp": "soon" }],
      ["nothing", {}],
    ];
    for (const [name, headers, text = body] of cases) {
      const error = await verifyWebhook(text, headers, secret).catch((thrown) => thrown);
      expect([name, error instanceof VerificationError]).toEqual([name, true]);
      expect(() => new Webhook(secret).verify(text, headers)).toThrow();
    }
  });

  test("takes a message for five minutes, either way", async () => {
    for (const [after, taken] of [
      [299, true],
      [301, false],
      [-299, true],
      [-301, false],
    ] as const) {
      const verified = verifyWebhook(body, signed(secret), secret, { now: (seconds + after) * 1_000 });
      expect(await verified.then(Boolean, () => false)).toBe(taken);
    }
  });

  test("says that a secret is none, and a body no webhook", async () => {
    for (const wrong of ["", "secret", "whsec_", "whsec_!!!!", secretOf(1, 23), secretOf(1, 65)])
      await expect(verifyWebhook(body, signed(secret), wrong)).rejects.toThrow(TypeError);
    for (const text of ["", "null", "[]", "{", '{"type":"a"}'])
      await expect(verifyWebhook(text, signed(secret, text), secret)).rejects.toThrow("no webhook");
  });
});

test("verifyHook answers the question", async () => {
  const question = { type: "call", from: { user: "alice", guest: false }, to: "bob" };
  const text = JSON.stringify({ type: "authorize", timestamp: new Date(now).toISOString(), data: question });
  const hook = await verifyHook(text, signed(secret, text), secret);
  if (hook.type !== "authorize") throw new Error(hook.type);
  expect(hook.data.to).toBe("bob");
});
