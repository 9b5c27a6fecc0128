import { expect, test } from "bun:test";
import { redact } from "./redact.ts";

test("what gives authority is taken out, wherever it stands; the rest stays", () => {
  expect(
    redact({ type: "hello", token: "x", resume: { link: "l", secret: "s" }, sessions: ["t1", "t2"] }),
  ).toEqual({
    type: "hello",
    token: "…",
    resume: { link: "l", secret: "…" },
    sessions: 2,
  });
  const iceServers = [{ urls: ["turn:a"], username: "u", credential: "c" }];
  expect(redact({ type: "welcome", secret: "s", sessions: ["s_1"], iceServers })).toEqual({
    type: "welcome",
    secret: "…",
    sessions: ["s_1"],
    iceServers: [{ urls: ["turn:a"], username: "…", credential: "…" }],
  });
  expect(redact({ re: 1, ok: { session: "s_1", ticket: "t" } })).toEqual({
    re: 1,
    ok: { session: "s_1", ticket: "…" },
  });
});
