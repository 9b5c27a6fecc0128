import { afterAll, beforeAll, expect, test } from "bun:test";
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { bindUdp } from "../../src/net/udp.ts";
import { parseAddress } from "../../src/shared/ip-address.ts";
import type { TurnReport } from "../../src/turn/server.ts";
import { TurnClient } from "../../src/turn/shell/turn-client.ts";
import { family } from "../../src/wire/stun/transport-address.ts";
import { credential, secret, until } from "./support/turn.ts";

const allocate = Buffer.from("000300082112a442000102030405060708090a0b0019000411000000", "hex");
const binding = Buffer.from("000100002112a442000102030405060708090a0b", "hex");
/** Sources at a time. */
const abreast = 50;

/** The server is a process of its own: what its clients take is not in its memory. */
let server: ChildProcess;
let port = 0;
let lines: AsyncIterator<string>;
beforeAll(async () => {
  const options = {
    listen: ["127.0.0.1"],
    udpPort: 0,
    tcpPort: "off",
    secrets: [secret],
    relayPorts: [21_600, 21_899],
  };
  const program = fileURLToPath(new URL("support/serve.ts", import.meta.url));
  server = spawn(process.execPath, [program, JSON.stringify(options)], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  lines = createInterface({ input: server.stdout! })[Symbol.asyncIterator]();
  const { ports, selfTest } = await next();
  expect(selfTest).toMatchObject({ ok: true });
  port = ports.udp;
});
afterAll(() => server.stdin?.end());

const next = async () => JSON.parse((await lines.next()).value ?? "{}");
const numbers = (): Promise<TurnReport & { rss: number }> => {
  server.stdin?.write("\n");
  return next();
};
/** Every count of what the server keeps. */
const kept = ({
  allocations,
  relays,
  reservations,
  connections,
  udpClients,
  quotaHolders,
  openRelaySockets,
}: TurnReport) => ({
  ...{ allocations, relays, reservations, connections, udpClients, quotaHolders, openRelaySockets },
});
const nothing = {
  ...{ allocations: 0, relays: 0, reservations: 0, connections: 0, udpClients: 0, quotaHolders: 0 },
  openRelaySockets: 0,
};

/** An address of loopback for each number. */
function source(number: number): string {
  return `127.${1 + (number >> 16)}.${(number >> 8) & 255}.${number & 255}`;
}

/** So many sources, each with an address of its own, that ask and prove nothing. Answers are counted. */
async function strangers(first: number, count: number): Promise<number> {
  let answers = 0;
  for (let from = first; from < first + count; from += abreast) {
    const sockets = await Promise.all(
      Array.from({ length: abreast }, (_, index) => {
        return bindUdp({ address: source(from + index), port: 0, receive: () => answers++ });
      }),
    );
    const before = answers;
    for (const socket of sockets)
      for (const request of [binding, allocate]) socket.send(request, port, "127.0.0.1");
    await until(() => answers - before >= abreast * 2 - 5);
    for (const socket of sockets) socket.close();
  }
  return answers;
}

test("5,000 sources that only ask leave nothing behind", async () => {
  await strangers(0, 5_000);
  const before = await numbers();
  // One slot of the table of answers may be another's: nearly all are answered.
  expect(await strangers(5_000, 5_000)).toBeGreaterThan(9_400);
  const after = await numbers();
  expect(kept(after)).toEqual(nothing);
  const growth = (after.rss - before.rss) / 2 ** 20;
  console.log(
    `5,000 sources: the server's memory grew by ${growth.toFixed(1)} MiB, from ${before.rss >> 20} MiB`,
  );
  expect(growth).toBeLessThan(8);
}, 60_000);

test("2,000 allocations that relay, come and go, leave nothing behind", async () => {
  const one = async (number: number): Promise<void> => {
    const { username, credential: password } = credential(`u${number}`);
    const heard: string[] = [];
    const receive = (bytes: Uint8Array) => client.receive(bytes);
    const socket = await bindUdp({ address: source(number), port: 0, receive });
    const send = (bytes: Uint8Array) => void socket.send(bytes, port, "127.0.0.1");
    const client: TurnClient = new TurnClient(send, username, password);
    client.onData = (payload) => heard.push(`${Buffer.from(payload)}`);
    const { relayed } = await client.allocate(family.ipv4);
    // It may talk to itself: to its own relay, by the short way inside.
    await client.permit({ address: parseAddress("127.0.0.1") as Uint8Array, port: 0 });
    await client.bind(0x4000, relayed);
    client.sendByChannel(0x4000, Buffer.from("round"));
    await until(() => heard.includes("round"));
    await client.refresh(0);
    socket.close();
  };
  const many = async (first: number): Promise<void> => {
    for (let number = first; number < first + 1_000; number += abreast)
      await Promise.all(Array.from({ length: abreast }, (_, index) => one(number + index)));
  };
  await many(0);
  const before = await numbers();
  await many(1_000);
  const after = await numbers();
  expect(kept(after)).toEqual(nothing);
  expect(after.allocationsOpened - before.allocationsOpened).toBe(1_000);
  const growth = (after.rss - before.rss) / 2 ** 20;
  console.log(
    `1,000 allocations: the server's memory grew by ${growth.toFixed(1)} MiB, from ${before.rss >> 20} MiB`,
  );
  expect(growth).toBeLessThan(16);
}, 60_000);
