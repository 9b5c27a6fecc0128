import { afterAll, beforeAll, expect, test } from "bun:test";
import { copyFileSync } from "node:fs";
import { connect } from "node:tls";
import { loadSettings } from "../../../src/config/load.ts";
import { type SwitchboardServer, startSwitchboard } from "../../../src/server/listen.ts";
import { createLog } from "../../../src/telemetry/log.ts";
import { probeTurn } from "../../../src/turn/shell/probe.ts";
import { makeCertificate, temporaryFolder } from "../../support/certificates.ts";
import { freePort } from "../../support/free-port.ts";

let server: SwitchboardServer;

beforeAll(async () => {
  const folder = temporaryFolder();
  const { cert, key } = makeCertificate(folder, "turn");
  const settings = loadSettings({
    object: {
      dev: true,
      port: 0,
      page: false,
      tls: { cert, key },
      turn: { udpPort: 0, tcpPort: 0 },
      log: { level: "silent", format: "json" },
    },
  });
  if (!settings.ok) throw new Error(settings.error);
  server = await startSwitchboard(settings.value, createLog(settings.value.log));
});

afterAll(() => server.stop());

/** Signs in and answers what the device is told. */
async function iceServers(
  user: string,
  at = server,
): Promise<{ urls: string[]; username: string; credential: string }> {
  const socket = new WebSocket(`${at.url.replace("http", "ws")}/ws`, {
    protocols: ["switchboard.v1"],
    tls: { rejectUnauthorized: false },
  } as never);
  const welcome = await new Promise<{ iceServers: never[] }>((resolve, reject) => {
    const hello = {
      type: "hello",
      token: `dev:${user}`,
      device: { id: "phone" },
      instance: "instance-1",
      attempt: 1,
    };
    socket.onopen = () => socket.send(JSON.stringify(hello));
    socket.onmessage = ({ data }) => resolve(JSON.parse(String(data)));
    socket.onclose = ({ code, reason }) => reject(new Error(`${code} ${reason}`));
  });
  socket.close(1000);
  return welcome.iceServers[0] as never;
}

test("every device is told of STUN, and of TURN by UDP, TCP and TLS, and may relay by each", async () => {
  const { urls, username, credential } = await iceServers("alice");
  expect(username).toMatch(/^\d+:alice\/phone$/);
  expect(urls.map((url) => url.replace(/\d+(\?|$)/, "PORT$1"))).toEqual([
    "stun:127.0.0.1:PORT",
    "turn:127.0.0.1:PORT?transport=udp",
    "turn:127.0.0.1:PORT?transport=tcp",
    "turns:127.0.0.1:PORT?transport=tcp",
  ]);
  const portOf = (url: string | undefined) => Number(/:(\d+)(\?|$)/.exec(url ?? "")?.[1]);
  expect(portOf(urls[3])).toBe(server.port);
  for (const [index, transport] of (["udp", "tcp"] as const).entries()) {
    const target = { host: "127.0.0.1", port: portOf(urls[index + 1]), transport, username, credential };
    expect(await probeTurn(target)).toMatchObject({ ok: true });
    expect(await probeTurn({ ...target, credential: "guess" })).toMatchObject({ ok: false });
  }
});

/** What comes back over TLS for a Binding request: type and transaction; undefined where the connection is cut. */
function bindingOver(port: number): Promise<number[] | undefined> {
  const binding = new Uint8Array(20);
  binding.set([0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, ...Array(12).fill(7)]);
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port, rejectUnauthorized: false }, () =>
      socket.write(binding),
    );
    socket.once("data", (bytes: Buffer) => {
      resolve([...bytes.subarray(0, 2), ...bytes.subarray(8, 20)]);
      socket.destroy();
    });
    socket.once("error", () => {});
    socket.once("close", () => resolve(undefined));
  });
}
/** A Binding success response (RFC 8489 §5) with the same transaction. */
const answered = [1, 1, ...Array(12).fill(7)];

test("the port of HTTPS answers STUN too", async () => {
  expect(await bindingOver(server.port)).toEqual(answered);
});

test("TURN over TLS has a port of its own where one is set, and takes the new certificate with the server", async () => {
  const folder = temporaryFolder();
  const { cert, key } = makeCertificate(folder, "first");
  const next = makeCertificate(folder, "second");
  const tlsPort = await freePort();
  const settings = loadSettings({
    object: {
      ...{ dev: true, port: 0, page: false, tls: { cert, key } },
      turn: { udpPort: 0, tcpPort: 0, tlsPort },
      log: { level: "silent", format: "json" },
    },
  });
  if (!settings.ok) throw new Error(settings.error);
  const own = await startSwitchboard(settings.value, createLog(settings.value.log));
  const { urls } = await iceServers("alice", own);
  expect(urls[3]).toBe(`turns:127.0.0.1:${tlsPort}?transport=tcp`);
  expect(await bindingOver(tlsPort)).toEqual(answered);
  expect(await bindingOver(own.port)).not.toEqual(answered);
  copyFileSync(next.cert, cert);
  copyFileSync(next.key, key);
  const name = () =>
    new Promise<string>((resolve, reject) => {
      const socket = connect({ host: "127.0.0.1", port: tlsPort, rejectUnauthorized: false }, () => {
        resolve(`${socket.getPeerCertificate().subject.CN}`);
        socket.destroy();
      });
      socket.once("error", reject);
    });
  const end = Date.now() + 10_000;
  while ((await name()) !== "second" && Date.now() < end) await Bun.sleep(100);
  expect(await name()).toBe("second");
  await own.stop();
}, 20_000);

test("the server's test of itself stands in its health, and its work in the metrics", async () => {
  const get = (path: string) => fetch(server.url + path, { tls: { rejectUnauthorized: false } } as never);
  const end = Date.now() + 10_000;
  let turn: { state: string } = { state: "testing" };
  while (turn.state === "testing" && Date.now() < end) ({ turn } = await (await get("/health/ready")).json());
  expect(turn).toMatchObject({ state: "ok" });
  const metrics = await (await get("/metrics")).text();
  expect(metrics).toMatch(/switchboard_turn_allocations_total [1-9]/);
  expect(metrics).toMatch(/switchboard_turn_refused_total{rule="unauthenticated"} [1-9]/);
});
