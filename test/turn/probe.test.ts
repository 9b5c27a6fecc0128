import { expect, test } from "bun:test";
import { probeTurn } from "../../src/turn/shell/probe.ts";
import { credential, startTestTls } from "./support/turn.ts";

test("a probe tells what works, and what to look at where it doesn't", async () => {
  const turn = await startTestTls();
  const { username, credential: good } = credential("probe");
  const probe = (transport: "udp" | "tcp" | "tls", changed: { port?: number; credential?: string } = {}) =>
    probeTurn({
      host: "127.0.0.1",
      port: turn.ports[transport] ?? 0,
      transport,
      username,
      credential: good,
      ...changed,
    });
  for (const transport of ["udp", "tcp"] as const)
    expect(await probe(transport)).toMatchObject({
      ok: true,
      mapped: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
      relayed: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
    });
  expect(await probe("tls")).toMatchObject({ ok: false, advice: expect.stringContaining("certificate") });
  expect(await probe("udp", { credential: "wrong" })).toMatchObject({
    ok: false,
    failure: "error 401",
    advice: expect.stringContaining("secret"),
  });
  expect(await probe("tcp", { port: 1 })).toMatchObject({
    ok: false,
    advice: expect.stringContaining("TCP port 1 open"),
  });
  expect(await probe("udp", { port: 1 })).toMatchObject({
    ok: false,
    advice: expect.stringContaining("UDP port 1 open"),
  });
  expect(turn.stats().allocations).toBe(0);
  await turn.stop();
}, 15_000);
