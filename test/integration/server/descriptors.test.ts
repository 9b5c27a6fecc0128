import { afterAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { makeCertificate, temporaryFolder } from "../../support/certificates.ts";
import { freePort } from "../../support/free-port.ts";
import { RawSocket } from "../../support/raw-socket.ts";
import { runtimesFor } from "../../support/runtimes.ts";
import { someOf } from "../../support/seed.ts";
import { type RunningServer, startServer } from "../../support/server.ts";
import { until } from "../../support/until.ts";

const descriptors = 180;
const many = 260;
const ends: (() => void)[] = [];
afterAll(() => {
  for (const end of ends) end();
});

function hold(port: number): Socket[] {
  const sockets = Array.from({ length: many }, () => connect(port, "127.0.0.1").on("error", () => {}));
  ends.push(() => sockets.forEach((socket) => void socket.destroy()));
  return sockets;
}

/** Seconds of CPU that a process has used. */
function cpuOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

const said = (server: RunningServer, text: string): number =>
  server.logs.filter((line) => line.includes(text)).length;

for (const runtime of runtimesFor("descriptors"))
  describe(`without file descriptors, on ${runtime}`, () => {
    const entrances = ["HTTP", "HTTPS with TURN", "TURN over TCP", "SIP over TCP"] as const;
    for (const entrance of someOf(entrances, 2))
      test(`${entrance}: newcomers are refused, the log says so, nothing spins, and it goes on after`, async () => {
        const [turnPort, sipPort, adminPort] = [await freePort(), await freePort(), await freePort()];
        const secure = entrance === "HTTPS with TURN";
        const server = await startServer({
          runtime,
          descriptors,
          config: {
            limits: { linksPerAddress: 10_000 },
            turn: { udpPort: turnPort, tcpPort: turnPort, limits: { connectionsPerAddress: 10_000 } },
            sip: { tcp: { enabled: true, port: sipPort } },
            ...(secure && { tls: makeCertificate(temporaryFolder(), "localhost") }),
            admin: { port: adminPort },
          },
        });
        const innocent = secure ? undefined : await RawSocket.upgraded(server.port, "/ws", "switchboard.v1");
        const ports = {
          HTTP: server.port,
          "HTTPS with TURN": server.port,
          "TURN over TCP": turnPort,
          "SIP over TCP": sipPort,
        };
        const sockets = hold(ports[entrance]);
        await until(() => said(server, "file descriptors run out") === 1, 20_000);
        const before = cpuOf(server.pid);
        await Bun.sleep(2_000);
        expect(cpuOf(server.pid) - before).toBeLessThan(1);
        expect(said(server, "file descriptors run out")).toBe(1);

        // Operators get in all the same.
        const metrics = await (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text();
        expect(metrics).toContain("switchboard_descriptors_short 1");

        const hello = { type: "hello", token: "dev:alice", instance: "instance-1", attempt: 1 };
        innocent?.frame(1, Buffer.from(JSON.stringify(hello)));
        await innocent?.until("welcome");

        for (const socket of sockets) socket.destroy();
        await until(() => said(server, "there are file descriptors again") === 1, 20_000);
        const answer = async (): Promise<number> =>
          fetch(`${server.url}/health/live`, { tls: { rejectUnauthorized: false } } as never).then(
            ({ status }) => status,
            () => 0,
          );
        let status = 0;
        for (let left = 50; left > 0 && status !== 200; left--) {
          status = await answer();
          await Bun.sleep(50);
        }
        expect(status).toBe(200);
        await server.stop();
      }, 60_000);
  });
