import { expect, test } from "bun:test";
import { permits } from "../signaling/grants.ts";
import { developmentIdentity, isDevelopmentToken } from "./development-token.ts";

test("dev:alice is alice, who may do everything", () => {
  expect(isDevelopmentToken("dev:alice")).toBe(true);
  const identity = developmentIdentity("dev:alice", 1_000);
  if (!identity.ok) throw new Error(identity.error.message);
  expect(identity.value).toMatchObject({ user: "alice", issuedAt: 1_000 });
  expect(identity.value.expires).toBeGreaterThan(1_000);
  const { grants } = identity.value;
  for (const name of ["call", "send", "watch"] as const)
    expect(permits(grants, name, "bob/phone")).toBe(true);
  for (const name of ["join", "moderate", "publish", "view", "send"] as const)
    expect(permits(grants, name, "room:x")).toBe(true);
  for (const name of ["publish", "view"] as const) expect(permits(grants, name, "stream:x")).toBe(true);
});

test("what is no user id is nobody", () => {
  for (const token of ["dev:", "dev:a b", "dev:a/b", "dev:\u0000", `dev:${"x".repeat(129)}`])
    expect(developmentIdentity(token, 0).ok).toBe(false);
  expect(isDevelopmentToken("eyJ")).toBe(false);
});
