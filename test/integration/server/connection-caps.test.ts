import { afterAll, describe, expect, test } from "bun:test";
import { connect, type Socket } from "node:net";
import { makeCertificate, temporaryFolder } from "../../support/certificates.ts";
import { freePort } from "../../support/free-port.ts";
import { findRuntime } from "../../support/runtimes.ts";
import { startServer } from "../../support/server.ts";
import { until } from "../../support/until.ts";

const greedy = "127.0.0.9";
const ends: (() => void)[] = [];
afterAll(() => {
  for (const end of ends) end();
});

class Peer {
  readonly socket: Socket;
  received = "";
  closed = false;

  constructor(port: number, localAddress: string, first: string | Buffer) {
    this.socket = connect({ port, host: "127.0.0.1", localAddress }, () => this.socket.write(first));
    this.socket.on("error", () => {});
    this.socket.on("close", () => {
      this.closed = true;
    });
    this.socket.on("data", (bytes) => {
      this.received += bytes.toString("latin1");
    });
    ends.push(() => this.socket.destroy());
  }
}

const binding = Buffer.from("000100002112a442000102030405060708090a0b", "hex");
const options =
  "OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/TCP b;branch=z9hG4bK1\r\nMax-Forwards: 70\r\nFrom: <sip:b@a>;tag=1\r\nTo: <sip:a>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n";

for (const runtime of ["bun", "node"] as const)
  describe.skipIf(findRuntime(runtime) === undefined)(`one greedy address, on ${runtime}`, () => {
    test("has its share of SIP and TURN over TCP and of HTTPS with TURN, and others are served beside it", async () => {
      const [turnPort, sipPort, adminPort] = [await freePort(), await freePort(), await freePort()];
      const server = await startServer({
        runtime,
        config: {
          limits: { linksPerAddress: 20 },
          turn: { udpPort: turnPort, tcpPort: turnPort, limits: { connectionsPerAddress: 20 } },
          sip: { tcp: { enabled: true, port: sipPort } },
          tls: makeCertificate(temporaryFolder(), "localhost"),
          admin: { port: adminPort },
        },
      });
      for (const [port, first, answer] of [
        [sipPort, options, "SIP/2.0 200"],
        [turnPort, binding, "\u0001\u0001"],
      ] as const) {
        const many = Array.from({ length: 60 }, () => new Peer(port, greedy, ""));
        await until(() => many.filter(({ closed }) => closed).length === 40, 5_000);
        const other = new Peer(port, "127.0.0.1", first);
        await until(() => other.received.startsWith(answer), 5_000);
        for (const { socket } of many) socket.destroy();
      }
      // Neither handshake nor a word: this port has 1,000 more, for pages.
      const silent = Array.from({ length: 1_100 }, () => new Peer(server.port, greedy, ""));
      // On a slow machine handshakes run out of time meanwhile: more than those that were cut are closed then.
      await until(() => silent.filter(({ closed }) => closed).length >= 80, 15_000);
      const page = await fetch(`${server.url}/health/live`, { tls: { rejectUnauthorized: false } } as never);
      expect(page.status).toBe(200);
      const metrics = await (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text();
      const shown = metrics
        .split("\n")
        .filter((line) => /_cut_total\{reason="address"|"connections"/.test(line));
      expect(shown).toEqual([
        'switchboard_connections_cut_total{reason="address"} 120',
        'switchboard_turn_refused_total{rule="connections"} 40',
      ]);
      await server.stop();
    }, 60_000);
  });
