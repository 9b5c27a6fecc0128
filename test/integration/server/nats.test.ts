import { describe, expect, test } from "bun:test";
import { command } from "../../support/command.ts";
import { hasNats, NatsServer } from "../../support/nats-server.ts";
import { runtimesFor } from "../../support/runtimes.ts";
import { type RunningServer, startServer } from "../../support/server.ts";
import { signIn } from "../../support/sign-in.ts";
import { until } from "../../support/until.ts";

async function ask(server: RunningServer, path: string): Promise<{ status: number; text: string }> {
  const response = await fetch(server.url + path);
  return { status: response.status, text: await response.text() };
}

async function metric(server: RunningServer, line: string): Promise<number> {
  const { text } = await ask(server, "/metrics");
  const found = text.split("\n").find((one) => one.startsWith(`switchboard_${line} `));
  return Number(found?.split(" ").at(-1));
}

async function becomes(server: RunningServer, status: string): Promise<object> {
  for (let left = 1_000; left > 0; left--) {
    const { text } = await ask(server, "/health/ready");
    if (JSON.parse(text).status === status) return JSON.parse(text);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`never ${status}`);
}

for (const runtime of runtimesFor("nats"))
  test.skipIf(!hasNats)(
    `${runtime}: without NATS a server is live, ready for this node's own, and heals by itself`,
    async () => {
      const nats = await NatsServer.start("--user", "me", "--pass", "hush-hush");
      await nats.kill();
      const url = `nats://me:hush-hush@127.0.0.1:${nats.port}`;
      const server = await startServer({
        runtime,
        config: { ticketKey: "t".repeat(32), node: "n1" },
        env: { NATS_URL: url },
      });
      expect((await ask(server, "/health/live")).status).toBe(200);
      const { status, text } = await ask(server, "/health/ready");
      expect([status, JSON.parse(text)]).toEqual([
        200,
        expect.objectContaining({ status: "degraded", backplane: "down" }),
      ]);
      expect(await metric(server, "backplane_up")).toBe(0);
      const alice = await signIn(server, "dev:alice", "laptop");
      await nats.start();
      expect(await becomes(server, "ready")).toMatchObject({ backplane: "up" });
      // A text of the metrics may be a second old.
      for (let left = 100; left > 0 && (await metric(server, "backplane_up")) !== 1; left--)
        await new Promise((resolve) => setTimeout(resolve, 20));
      expect(await metric(server, "backplane_up")).toBe(1);
      expect(await metric(server, 'backplane_requests_total{outcome="timeout"}')).toBe(0);
      await nats.kill();
      await becomes(server, "degraded");
      await alice.ok("watch", { users: ["bob"] });
      expect(server.logs.join("\n")).not.toContain("hush-hush");
      await nats.start();
      await becomes(server, "ready");
      await server.stop();
      await nats.stop();
    },
  );

test.skipIf(!hasNats)("doctor tries NATS; check-config does not show its password", async () => {
  const nats = await NatsServer.start("--user", "me", "--pass", "hush-hush");
  const env = {
    NATS_URL: `nats://me:hush-hush@127.0.0.1:${nats.port}`,
    SWITCHBOARD_TICKET_KEY: "t".repeat(32),
  };
  const flags = ["--dev", "--port", "0"];
  expect(command(["doctor", ...flags], env)).toMatchObject({
    code: 0,
    out: expect.stringContaining("NATS lets us in"),
  });
  const wrong = { ...env, NATS_URL: env.NATS_URL.replace("hush-hush", "hush") };
  const found = command(["doctor", ...flags], wrong);
  expect(found).toMatchObject({ code: 1, out: expect.stringContaining("Authorization Violation") });
  const { out } = command(["check-config", ...flags], env);
  expect(out).toContain("nats.url = (set)");
  expect(found.out + out).not.toContain("hush");
  await nats.stop();
});

describe.skipIf(!hasNats)("two nodes of one name", () => {
  const config = { ticketKey: "t".repeat(32), node: "n1" };

  test("the later one does not start, and says why; what the first one has goes on", async () => {
    const nats = await NatsServer.start();
    const env = { NATS_URL: nats.url };
    const [first, other] = await Promise.all([
      startServer({ config, env }),
      startServer({ config: { ...config, node: "n2" }, env }),
    ]);
    const [alice, bob] = [await signIn(first, "dev:alice", "a"), await signIn(other, "dev:bob", "b")];
    const later = command(
      ["serve", "--dev", "--port", "0", "--turn.embedded", "false", "--ticket-key", "t".repeat(32)],
      { ...env, NODE_ID: "n1" },
    );
    expect([later.code, later.err]).toEqual([
      2,
      expect.stringMatching(/^switchboard: setting node: .*"n1".*NODE_ID\n$/),
    ]);
    await alice.ok("send", { to: "bob/b", body: 1 });
    await bob.push("message", { body: 1 }, 15_000);
    expect(JSON.parse((await ask(first, "/health/ready")).text).status).toBe("ready");
    await Promise.all([first.stop(), other.stop()]);
    await nats.stop();
  });

  test("one that finds the other when NATS comes stays out of the cluster until that has gone", async () => {
    const nats = await NatsServer.start();
    await nats.kill();
    const env = { NATS_URL: nats.url };
    const both = await Promise.all([startServer({ config, env }), startServer({ config, env })]);
    await nats.start();
    const warned = (server: RunningServer) =>
      server.logs.some((line) => line.includes("give it its own NODE_ID"));
    await until(() => both.some(warned), 15_000);
    const [winner, loser] = both.toSorted((one, other) => Number(warned(one)) - Number(warned(other)));
    await becomes(winner!, "ready");
    expect(await becomes(loser!, "degraded")).toMatchObject({ backplane: "down" });
    await winner!.stop();
    await becomes(loser!, "ready");
    await loser!.stop();
    await nats.stop();
  });
});
