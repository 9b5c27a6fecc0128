import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { command } from "../../support/command.ts";
import { freePort } from "../../support/free-port.ts";
import { hasNats, NatsServer } from "../../support/nats-server.ts";
import { runtimesFor } from "../../support/runtimes.ts";
import { startServer } from "../../support/server.ts";
import { signIn } from "../../support/sign-in.ts";
import { until } from "../../support/until.ts";

const children = (pid: number): number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean).map(Number);

function runs(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

test("without NATS there is one clear line", () => {
  const { code, err } = command(["serve", "--dev", "--workers", "2"]);
  expect([code, err.trim().split("\n")]).toEqual([
    2,
    [expect.stringContaining("setting workers: needs nats.url (NATS_URL)")],
  ]);
});

test("port 0 is no port to share", () => {
  const { code, err } = command(["serve", "--dev", "--workers", "2", "--port", "0"], {
    NATS_URL: "nats://x",
  });
  expect([code, err]).toEqual([
    2,
    expect.stringContaining("setting workers: every worker would get a port of its own"),
  ]);
});

for (const runtime of runtimesFor("workers"))
  describe.skipIf(!hasNats || process.platform !== "linux")(`workers on ${runtime}`, () => {
    test("share a port and TURN; one that dies comes again; SIGTERM ends all", async () => {
      const nats = await NatsServer.start();
      const [port, adminPort, udpPort] = [await freePort(), await freePort(2), await freePort()];
      const server = await startServer({
        runtime,
        config: {
          port,
          node: "m",
          workers: 2,
          nats: { url: [nats.url] },
          admin: { port: adminPort },
          turn: { udpPort, tcpPort: udpPort },
        },
      });
      const ready = async (number: number): Promise<string> => {
        const answer = await fetch(`http://127.0.0.1:${adminPort + number - 1}/health/ready`).catch(
          () => undefined,
        );
        return answer === undefined ? "away" : ((await answer.json()) as { status: string }).status;
      };
      const allReady = async (): Promise<void> => {
        for (const number of [1, 2]) while ((await ready(number)) !== "ready") await Bun.sleep(20);
      };
      await allReady();
      const before = children(server.pid);
      expect(before.length).toBe(2);

      const turn = new Map<string, unknown>();
      const devices = [];
      for (let n = 0; turn.size < 2 && n < 100; n++) {
        const device = await signIn(server, "dev:alice", `d${n % 10}`);
        const urls = (device.welcome.iceServers as { urls: string[] }[]).flatMap((one) => one.urls);
        turn.set(
          device.welcome.home,
          urls.filter((url) => url.startsWith("turn:")),
        );
        devices.push(device);
      }
      expect([...turn.keys()].sort()).toEqual(["m-1", "m-2"]);
      expect(turn.get("m-1")).toEqual(turn.get("m-2"));
      expect(JSON.stringify(turn.get("m-1"))).toContain(`turn:127.0.0.1:${udpPort}`);

      const [victim = 0, survivor = 0] = before;
      process.kill(victim, "SIGKILL");
      await until(() => {
        const now = children(server.pid);
        return now.length === 2 && !now.includes(victim) && now.includes(survivor);
      }, 15_000);
      await allReady();
      expect(server.logs.join("\n")).toContain("a worker died");

      const last = children(server.pid);
      process.kill(server.pid, "SIGTERM");
      await until(() => !runs(server.pid) && !last.some(runs), 15_000);
      expect(server.logs.filter((line) => line.includes("stopped")).length).toBe(2);
      await nats.stop();
      // Several processes start, some of them twice, which takes long on a machine that is busy.
    }, 60_000);
  });

describe.skipIf(!hasNats || process.platform !== "linux")("workers", () => {
  test("do not outlive who started them", async () => {
    const nats = await NatsServer.start();
    const config = { port: await freePort(), workers: 2, nats: { url: [nats.url] } };
    const server = await startServer({ config: { ...config, turn: { embedded: false } } });
    await until(() => server.logs.filter((line) => line.includes("Switchboard is at")).length === 2, 10_000);
    const workers = children(server.pid);
    process.kill(server.pid, "SIGKILL");
    await until(() => !workers.some(runs), 15_000);
    await nats.stop();
  });

  test("one that refuses its settings ends the start", async () => {
    const nats = await NatsServer.start();
    const { code, err } = command(
      [
        "serve",
        "--dev",
        "--workers",
        "2",
        "--port",
        String(await freePort()),
        "--tls.cert",
        "/no",
        "--tls.key",
        "/no",
      ],
      { NATS_URL: nats.url },
    );
    expect([code, err]).toEqual([2, expect.stringContaining("/no")]);
    await nats.stop();
  });
});
