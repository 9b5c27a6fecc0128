import { describe, expect, test } from "bun:test";
import { stunCrypto } from "../../net/stun-crypto.ts";
import { Authenticator } from "./authenticator.ts";
import { type DigestAuthorization, parseAuthorization } from "./authorization.ts";
import { type DigestAlgorithm, digestHash, digestResponse } from "./digest.ts";
import { DigestNonces } from "./digest-nonces.ts";
import type { SipRequest } from "./message.ts";
import { parseMessage } from "./parser.ts";

const realm = "example.com";
const key = new Uint8Array(32).fill(7);
const start = Date.UTC(2030, 0, 1);

function register(): SipRequest {
  const parsed = parseMessage(
    "REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/WS a.invalid;branch=z9hG4bK1\r\nFrom: <sip:alice@example.com>;tag=1\r\n" +
      "To: <sip:alice@example.com>\r\nCall-ID: 1\r\nCSeq: 1 REGISTER\r\n\r\n",
  );
  if (!parsed.ok || parsed.value.kind !== "request") throw new Error("no request");
  return parsed.value;
}

const request = register();
const ha1 = (password: string) => (algorithm: DigestAlgorithm) => [
  digestHash(algorithm, `alice:${realm}:${password}`, stunCrypto),
];

/** What a client makes of a challenge. */
function answer(challenge: string, changes: Partial<DigestAuthorization> = {}, password = "secret") {
  const found = parseAuthorization(`${challenge}, username="alice", uri="sip:example.com", response="0"`);
  if (found?.scheme !== "digest") throw new Error(`no challenge: ${challenge}`);
  const filled = { ...found, qop: "auth", nc: "00000001", cnonce: "c", ...changes };
  const algorithm = filled.algorithm as DigestAlgorithm;
  const [hash = ""] = ha1(password)(algorithm);
  const { nonce, nc = "", cnonce = "", uri } = filled;
  const response = digestResponse(
    { algorithm, ha1: hash, nonce, nc, cnonce, method: "REGISTER", uri },
    stunCrypto,
  );
  return {
    ...filled,
    response,
    ...("response" in changes ? { response: changes.response } : {}),
  } as DigestAuthorization;
}

function setUp(options: { readonly mostUses?: number } = {}) {
  const authenticator = new Authenticator({ realm, key, ...options }, stunCrypto);
  const check = (authorization: DigestAuthorization, now = start) =>
    authenticator.check(request, authorization, ha1("secret"), now);
  const challenge = (now = start) => authenticator.challenges(401, false, now).map(([, value]) => value);
  return { authenticator, check, challenge };
}

describe("digest", () => {
  test("the responses of RFC 7616 §3.9.1 and RFC 2617 §3.5", () => {
    const common = { nc: "00000001", method: "GET", uri: "/dir/index.html" };
    const newer = {
      ...common,
      nonce: "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
      cnonce: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
    };
    const hash = (algorithm: DigestAlgorithm, text: string) => digestHash(algorithm, text, stunCrypto);
    const mufasa = "Mufasa:http-auth@example.org:Circle of Life";
    expect(digestResponse({ ...newer, algorithm: "MD5", ha1: hash("MD5", mufasa) }, stunCrypto)).toBe(
      "8ca523f5e9506fed4657c9700eebdbec",
    );
    expect(digestResponse({ ...newer, algorithm: "SHA-256", ha1: hash("SHA-256", mufasa) }, stunCrypto)).toBe(
      "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
    );
    const older = { ...common, nonce: "dcd98b7102dd2f0e8b11d0f600bfb0c093", cnonce: "0a4f113b" };
    const circle = hash("MD5", "Mufasa:testrealm@host.com:Circle Of Life");
    expect(digestResponse({ ...older, algorithm: "MD5", ha1: circle }, stunCrypto)).toBe(
      "6629fae49393a05397450978507c4ef1",
    );
  });

  test("SHA-256 is offered first and MD5 last, with qop=auth alone and one nonce", () => {
    const { authenticator } = setUp();
    const [first, last, ...more] = authenticator.challenges(407, true, start);
    expect(more).toEqual([]);
    expect(first?.[0]).toBe("Proxy-Authenticate");
    expect(first?.[1]).toMatch(
      /^Digest realm="example.com", nonce="[0-9a-f]+", algorithm=SHA-256, qop="auth", stale=true$/,
    );
    expect(last?.[1]).toBe(first?.[1].replace("SHA-256", "MD5"));
  });

  test("over TCP MD5 stands alone, for phones that stop at a challenge of another kind", () => {
    const offered = setUp().authenticator.challenges(401, false, start, "TCP");
    expect(offered.map(([, value]) => /algorithm=(\S+),/.exec(value)?.[1])).toEqual(["MD5"]);
  });

  test("either algorithm is accepted, and none stands for MD5", () => {
    const { check, challenge } = setUp();
    for (const one of challenge())
      expect(check(answer(one, { cnonce: one.length.toString() }))).toBe("accepted");
    const md5 = challenge()[1]?.replace(", algorithm=MD5", "") ?? "";
    expect(check(answer(md5))).toBe("accepted");
  });

  test("what does not prove the password is refused", () => {
    const { check, challenge } = setUp();
    const [, md5 = ""] = challenge();
    expect(check(answer(md5, {}, "wrong"))).toBe("refused");
    const wrong: Partial<DigestAuthorization>[] = [
      { response: "0" },
      { response: "" },
      { qop: "auth-int" },
      { qop: undefined },
      { realm: "example.org" },
      { algorithm: "MD5-SESS" },
      { nc: "00000000" },
      { nc: "1" },
      { cnonce: undefined },
      { cnonce: "c".repeat(300) },
      { uri: "sip:example.org" },
      { uri: "sip:bob@example.com" },
    ];
    for (const change of wrong)
      expect([change, check(Object.assign(answer(md5), change))]).toEqual([change, "refused"]);
    expect(check(answer(md5, { uri: "sip:EXAMPLE.com;transport=ws" }))).toBe("accepted");
  });

  test("the same again is stale, with another count or cnonce it is not", () => {
    const { check, challenge } = setUp();
    const [, md5 = ""] = challenge();
    expect(check(answer(md5))).toBe("accepted");
    expect(check(answer(md5))).toBe("stale");
    // A client that begins to count anew with each request.
    expect(check(answer(md5, { cnonce: "d" }))).toBe("accepted");
    expect(check(answer(md5, { nc: "00000002" }))).toBe("accepted");
    expect(check(answer(md5, { nc: "00000002" }))).toBe("stale");
  });

  test("an old nonce is stale to who knows the password only, and so is one of another server", () => {
    const { check, challenge } = setUp();
    const [, md5 = ""] = challenge();
    expect(check(answer(md5), start + 299_999)).toBe("accepted");
    expect(check(answer(md5, { cnonce: "d" }), start + 300_000)).toBe("stale");
    expect(check(answer(md5, {}, "wrong"), start + 300_000)).toBe("refused");
    expect(check(answer(md5.replace(/nonce="../, 'nonce="ff')))).toBe("stale");
    const other = new Authenticator({ realm, key: new Uint8Array(32) }, stunCrypto);
    expect(check(answer(other.challenges(401, false, start)[1]?.[1] ?? ""))).toBe("stale");
  });

  test("what is remembered of uses is bounded, and forgetting makes nothing acceptable twice", () => {
    const { check, challenge } = setUp({ mostUses: 10 });
    const [, md5 = ""] = challenge();
    const sent: DigestAuthorization[] = [];
    for (let n = 0; n < 10; n++) sent.push(answer(md5, { cnonce: String(n) }));
    for (const one of sent) expect(check(one)).toBe("accepted");
    expect(check(answer(md5, { cnonce: "10" }), start + 1)).toBe("accepted");
    for (const one of sent) expect(check(one, start + 1)).toBe("stale");
    // Everybody is asked again once, and goes on.
    const [, next = ""] = challenge(start + 1);
    expect(check(answer(next), start + 1)).toBe("accepted");
  });

  test("uses are forgotten when their nonce is too old anyway", () => {
    const nonces = new DigestNonces(key, 1_000, 100, stunCrypto);
    for (let at = 0; at < 5_000; at += 100) nonces.use(nonces.make(at), "c", "00000001", at);
    expect(nonces.uses).toBeLessThanOrEqual(11);
  });
});

describe("Authorization", () => {
  test("a bearer token", () => {
    expect(parseAuthorization("Bearer aaa.bbb-_.c~/+=")).toEqual({
      scheme: "bearer",
      token: "aaa.bbb-_.c~/+=",
    });
    expect(parseAuthorization("bearer  a")).toEqual({ scheme: "bearer", token: "a" });
    for (const wrong of ["Bearer", "Bearer ", "Bearer a b", "Bearer a=b", `Bearer ${"a".repeat(9_000)}`])
      expect(parseAuthorization(wrong)).toBeUndefined();
  });

  test("quotes, commas and escapes inside values", () => {
    const found = parseAuthorization(
      'Digest username="a,\\"b\\"", realm = "x=y" ,nonce="n", uri="sip:a;b=c,d", response="AB", algorithm=sha-256,qop=AUTH',
    );
    expect(found).toMatchObject({
      username: 'a,"b"',
      realm: "x=y",
      uri: "sip:a;b=c,d",
      response: "ab",
      algorithm: "SHA-256",
      qop: "auth",
    });
  });

  test("what is none", () => {
    for (const wrong of [
      "",
      "Digest",
      'Digest username="a"',
      'Digest username="a" realm="b"',
      'Digest username="a", username="a", realm="b", nonce="c", uri="d", response="e"',
      'Digest username="a, realm="b"',
      "NoOneKnowsThisScheme opaque-data=here",
    ])
      expect(parseAuthorization(wrong)).toBeUndefined();
  });
});
