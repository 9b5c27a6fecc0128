import { describe, expect, test } from "bun:test";
import type { HttpProblem } from "../../net/problem.ts";
import { wireError } from "../../protocol/error-codes.ts";
import { fail, ok, type Result } from "../../shared/result.ts";
import type { Identity } from "../../signaling/ports.ts";
import type { MediaIdentity } from "../service.ts";
import { mediaAuth } from "./media-auth.ts";
import { isLinkToken, signLink, verifyLink } from "./signed-link.ts";

const now = 1_800_000_000_000;
const seconds = now / 1_000;
const [key, formerKey, strangeKey] = [1, 2, 3].map((fill) => new Uint8Array(32).fill(fill)) as [
  Uint8Array,
  Uint8Array,
  Uint8Array,
];

const alice: Identity = {
  user: "alice",
  grants: { publish: ["stream:lobby"], view: ["stream:open-*"] },
  expires: now + 1,
  issuedAt: 0,
};

const authenticate = mediaAuth(
  {
    verify: async (token) => {
      if (token === "jwt") return ok(alice);
      return fail(
        token === "later" ? wireError("temporary", "No keys.", 1_500) : wireError("unauthorized", "Forged."),
      );
    },
    account: (login) =>
      login === "alice/desk"
        ? { identity: { ...alice, device: "desk", guest: false }, matches: (secret) => secret === "se:cret" }
        : undefined,
    streamKey: (one) => (one === "sk_lobby" ? { id: "k1", stream: "lobby" } : undefined),
    now: () => now,
    ahead: () => 0,
    random: (bytes) => "r".repeat(bytes),
  },
  { public: ["open-*"], linkKeys: [key, formerKey] },
);

type Answer = Result<MediaIdentity, HttpProblem>;

function ask(
  action: "publish" | "view",
  stream: string,
  authorization?: string,
  query = "",
): Promise<Answer> {
  const headers: Record<string, string> = authorization === undefined ? {} : { Authorization: authorization };
  return authenticate(new Request(`https://media.test/x/${stream}${query}`, { headers }), stream, action);
}

async function status(answer: Promise<Answer>): Promise<number> {
  const settled = await answer;
  return settled.ok ? 200 : settled.error.status;
}

const basic = (text: string): string => `Basic ${btoa(text)}`;

describe("tokens and device secrets", () => {
  test("a token whose grants cover the stream, for what they cover", async () => {
    expect(await ask("publish", "lobby", "Bearer jwt")).toEqual(
      ok({ user: "alice", grants: alice.grants, expires: now + 1 }),
    );
    expect(await status(ask("view", "open-air", "bearer  jwt"))).toBe(200);
    const refused = await ask("view", "lobby", "Bearer jwt");
    expect(refused).toMatchObject({
      error: { status: 403, detail: expect.stringContaining("view on stream:lobby") },
    });
    expect(await status(ask("publish", "open-air", "Bearer jwt"))).toBe(403);
  });

  test("a token that is refused: 401 with a challenge, also where the stream is public; 503 while keys can't be had", async () => {
    expect(await ask("view", "open-air", "Bearer forged")).toMatchObject({
      error: {
        status: 401,
        detail: "Forged.",
        headers: { "WWW-Authenticate": 'Bearer realm="switchboard"' },
      },
    });
    expect(await ask("view", "lobby", "Bearer later")).toMatchObject({
      error: { status: 503, headers: { "Retry-After": "2" } },
    });
  });

  test("a device's login and secret, which may hold colons", async () => {
    expect(await ask("publish", "lobby", basic("alice/desk:se:cret"))).toMatchObject({
      value: { user: "alice", device: "desk" },
    });
    for (const wrong of ["alice/desk:other", "bob:se:cret", "alice/desk", ""])
      expect(await status(ask("publish", "lobby", basic(wrong)))).toBe(401);
    expect(await status(ask("publish", "lobby", "Basic %%%"))).toBe(401);
    expect(await status(ask("view", "lobby", basic("alice/desk:se:cret")))).toBe(403);
  });

  test("other schemes, and what is far too long", async () => {
    for (const wrong of ["Digest x", "Bearer", "jwt", `Bearer ${"x".repeat(8_193)}`])
      expect(await status(ask("publish", "lobby", wrong))).toBe(401);
  });
});

test("a stream key publishes its stream, and nothing else", async () => {
  expect(await ask("publish", "lobby", "Bearer sk_lobby")).toEqual(
    ok({
      user: "key-k1",
      grants: { publish: ["stream:lobby"] },
      guest: false,
      expires: Number.POSITIVE_INFINITY,
    }),
  );
  expect(await status(ask("publish", "other", "Bearer sk_lobby"))).toBe(403);
  expect(await status(ask("view", "lobby", "Bearer sk_lobby"))).toBe(403);
  expect(await status(ask("publish", "lobby", "Bearer sk_revoked"))).toBe(401);
});

test("public streams can be viewed without credentials, and not published", async () => {
  expect(await ask("view", "open-air")).toMatchObject({ value: { user: "guest-rrrrrr", guest: true } });
  expect(await status(ask("view", "lobby"))).toBe(401);
  expect(await status(ask("publish", "open-air"))).toBe(401);
});

describe("signed links", () => {
  const rights = { stream: "lobby", action: "view", expires: seconds + 60 } as const;

  test("as the query or as a Bearer token, until they expire", async () => {
    const token = signLink(key, rights);
    expect(isLinkToken(token)).toBe(true);
    const expected = { value: { guest: true, grants: { view: ["stream:lobby"] }, expires: now + 60_000 } };
    expect(await ask("view", "lobby", undefined, `?token=${token}`)).toMatchObject(expected);
    expect(await ask("view", "lobby", `Bearer ${token}`)).toMatchObject(expected);
    const old = signLink(key, { ...rights, expires: seconds });
    expect(await ask("view", "lobby", undefined, `?token=${old}`)).toMatchObject({
      error: { status: 401, detail: "The link has expired." },
    });
  });

  test("one that the former key has signed is taken, one of a stranger is not", async () => {
    expect(await status(ask("view", "lobby", `Bearer ${signLink(formerKey, rights)}`))).toBe(200);
    expect(await status(ask("view", "lobby", `Bearer ${signLink(strangeKey, rights)}`))).toBe(401);
  });

  test("for another stream or another action it is refused, and so is each changed character", async () => {
    const token = signLink(key, rights);
    expect(await status(ask("view", "lobby2", undefined, `?token=${token}`))).toBe(401);
    expect(await status(ask("publish", "lobby", undefined, `?token=${token}`))).toBe(403);
    expect(
      await status(ask("publish", "lobby", undefined, `?token=${token.replace("view", "publish")}`)),
    ).toBe(401);
    for (let at = 0; at < token.length; at++) {
      const changed = token.slice(0, at) + (token[at] === "1" ? "2" : "1") + token.slice(at + 1);
      expect(verifyLink([key], changed, "lobby")).toBeUndefined();
    }
  });

  test("the query takes no other credentials: URLs are logged", async () => {
    for (const token of ["jwt", "sk_lobby"])
      expect(await status(ask("publish", "lobby", undefined, `?token=${token}`))).toBe(401);
  });
});
