import { describe, expect, test } from "bun:test";
import { AccessPolicy } from "./access-policy.ts";

const local = { address: "127.0.0.1", peer: "127.0.0.1" };

function request(headers: Record<string, string>): Request {
  return new Request("http://localhost:8080/ws", { headers: { Host: "localhost:8080", ...headers } });
}

describe("development mode", () => {
  const policy = new AccessPolicy({ development: true, allowedOrigins: [] });

  for (const host of ["localhost", "localhost:8080", "127.0.0.1:1", "127.9.9.9", "[::1]:8080"])
    test(`takes the host ${host}`, () => {
      expect(policy.refuseStranger(request({ Host: host }), local)).toBeUndefined();
    });

  for (const host of [
    "evil.example",
    "localhost.evil.example",
    "10.0.0.1",
    "127.0.0.1.evil.example",
    "[::2]",
    "localhost@evil.example",
    "evil.example@localhost",
    "localhost/@evil.example",
    "localhost#evil.example",
    "localhost?evil.example",
    "",
    "a b",
  ])
    test(`refuses the host ${JSON.stringify(host)}`, () => {
      expect(policy.refuseStranger(request({ Host: host }), local)).toMatchObject({ status: 403 });
    });

  test("takes pages of this machine, whatever their port", () => {
    const page = request({ Origin: "http://localhost:5173" });
    expect(policy.refuseStranger(page, local)).toBeUndefined();
    expect(policy.refuseOrigin(page)).toBeUndefined();
  });

  for (const origin of ["https://evil.example", "null", "http://localhost.evil.example"])
    test(`refuses pages of ${origin}`, () => {
      expect(policy.refuseStranger(request({ Origin: origin }), local)?.body).toContain(origin);
    });

  for (const header of [
    "CF-Connecting-IP",
    "Fastly-Client-IP",
    "Forwarded",
    "True-Client-IP",
    "Via",
    "X-Client-IP",
    "X-Forwarded",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Port",
    "X-Forwarded-Proto",
    "X-Forwarded-Server",
    "X-Original-Forwarded-For",
    "X-Real-IP",
  ])
    test(`refuses what carries ${header}`, () => {
      const refusal = policy.refuseStranger(request({ [header]: "127.0.0.1" }), local);
      expect(refusal?.status).toBe(403);
      expect(refusal?.body).toContain(header.toLowerCase());
    });

  test("refuses other machines, whatever a proxy says of them", () => {
    const far = { address: "127.0.0.1", peer: "192.0.2.1" };
    expect(policy.refuseStranger(request({}), far)?.body).toContain("192.0.2.1");
    expect(policy.refusePeer(far)?.body).toContain("192.0.2.1");
    expect(policy.refusePeer(local)).toBeUndefined();
  });
});

describe("production", () => {
  const policy = (...allowedOrigins: string[]) => new AccessPolicy({ development: false, allowedOrigins });
  const far = { address: "203.0.113.9", peer: "10.0.0.1" };

  test("takes any host from anywhere", () => {
    expect(policy().refuseStranger(request({ Host: "x.example", Via: "y" }), far)).toBeUndefined();
    expect(policy().refusePeer(far)).toBeUndefined();
  });

  test("lets in who sends no Origin", () => {
    expect(policy().refuseOrigin(request({}))).toBeUndefined();
  });

  test("lets in listed origins only, exactly as they are", () => {
    const listed = policy("https://app.example");
    expect(listed.refuseOrigin(request({ Origin: "https://app.example" }))).toBeUndefined();
    for (const origin of [
      "http://app.example",
      "https://app.example:444",
      "https://app.example.evil.example",
      "null",
    ])
      expect(listed.refuseOrigin(request({ Origin: origin }))).toMatchObject({ status: 403 });
  });

  test("self is the host that was asked for, also behind a proxy that ends TLS", () => {
    const self = policy("self");
    expect(self.refuseOrigin(request({ Host: "a.example", Origin: "https://a.example" }))).toBeUndefined();
    expect(self.refuseOrigin(request({ Host: "a.example", Origin: "https://b.example" }))).toBeDefined();
    expect(self.refuseOrigin(request({ Host: "a.example", Origin: "null" }))).toBeDefined();
  });

  test("* lets everybody in", () => {
    expect(policy("*").refuseOrigin(request({ Origin: "null" }))).toBeUndefined();
  });
});
