import { expect, test } from "bun:test";
import { spawn, spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "../../support/certificates.ts";
import { command } from "../../support/command.ts";
import { endWithUs } from "../../support/end-with-us.ts";
import { freePort } from "../../support/free-port.ts";
import { hasNats, NatsServer } from "../../support/nats-server.ts";
import { startServer } from "../../support/server.ts";
import { signIn } from "../../support/sign-in.ts";

const hasHaproxy = spawnSync("haproxy", ["-v"]).status === 0;
const example = readFileSync(new URL("../../../examples/cluster/haproxy.cfg", import.meta.url), "utf8");
const secret = "s".repeat(32);

/** HAProxy with the configuration of the example, before nodes at these ports. */
async function balance(ports: readonly number[]): Promise<{ url: string; stop(): void }> {
  const port = await freePort();
  const config = ports.reduce(
    (text, node, n) => text.replace(`n${n + 1}:8080`, `127.0.0.1:${node}`),
    example.replace("bind :8080", `bind 127.0.0.1:${port}`),
  );
  const file = join(temporaryFolder(), "haproxy.cfg");
  writeFileSync(file, config);
  const child = spawn("haproxy", ["-db", "-f", file], { stdio: "ignore" });
  endWithUs(child);
  const url = `http://127.0.0.1:${port}`;
  const deadline = Date.now() + 5_000;
  while (!(await fetch(`${url}/health/ready`).catch(() => undefined))?.ok) {
    if (Date.now() > deadline) throw new Error("HAProxy does not serve");
    await Bun.sleep(20);
  }
  return { url, stop: () => child.kill("SIGKILL") };
}

test.skipIf(!hasNats || !hasHaproxy)("behind the load balancer of the example", async () => {
  const nats = await NatsServer.start();
  const config = {
    ...{ dev: false, tokens: { secret }, ticketKey: secret, nats: { url: [nats.url] } },
    ...{ trustedProxies: ["127.0.0.1"], drain: 10_000 },
  };
  const nodes = await Promise.all(
    ["n1", "n2", "n3"].map((node) => startServer({ config: { ...config, node } })),
  );
  const balancer = await balance(nodes.map(({ port }) => port));
  const token = (user: string): string =>
    command(["token", "--user", user, "--grants", "all"], { SWITCHBOARD_TOKENS_SECRET: secret }).out.trim();
  const alice = token("alice");

  // WebSockets are spread.
  const homes = new Set<string>();
  for (let n = 0; n < 6; n++) homes.add((await signIn(balancer, alice, `d${n}`)).welcome.home);
  expect([...homes].sort()).toEqual(["n1", "n2", "n3"]);

  // All requests of one HTTP transport find the node of the first, over whatever connection.
  const hello = {
    type: "hello",
    token: alice,
    device: { id: "poll" },
    instance: crypto.randomUUID(),
    attempt: 1,
  };
  const fresh = { Connection: "close" };
  const opened = await fetch(`${balancer.url}/link`, {
    method: "POST",
    headers: fresh,
    body: JSON.stringify(hello),
  });
  const transport = opened.headers.get("Switchboard-Transport");
  expect([opened.status, transport]).toEqual([200, expect.any(String)]);
  const headers = { ...fresh, Authorization: `Bearer ${transport}` };
  for (let id = 1; id <= 9; id++) {
    const body = JSON.stringify({ id, type: "status", status: { n: id } });
    expect((await fetch(`${balancer.url}/link`, { method: "POST", headers, body })).status).toBe(204);
    const answer = await fetch(`${balancer.url}/link`, { headers });
    expect([answer.status, await answer.text()]).toEqual([200, expect.stringContaining(`"re":${id}`)]);
  }

  // A node that drains gets nobody new, once its next two checks have said so; before, it says "elsewhere".
  const [, , leaving] = nodes;
  process.kill(leaving?.pid ?? 0, "SIGTERM");
  const deadline = Date.now() + 5_000;
  for (let welcomed = 0; welcomed < 12; ) {
    const device = await signIn(balancer, alice, `d${welcomed}`).catch((error: Error) => error);
    if (device instanceof Error) {
      expect(device.message).toContain("4103");
      expect(Date.now()).toBeLessThan(deadline);
      await Bun.sleep(50);
    } else {
      expect(["n1", "n2"]).toContain(device.welcome.home);
      welcomed += 1;
    }
  }

  balancer.stop();
  await Promise.all(nodes.map((node) => node.stop()));
  await nats.stop();
});
