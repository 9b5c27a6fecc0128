import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { bindUdp } from "../../src/net/udp.ts";
import type { TurnEvent } from "../../src/turn/events.ts";
import { startTurnFleet, type TurnFleet } from "../../src/turn/shell/fleet.ts";
import { TurnClient } from "../../src/turn/shell/turn-client.ts";
import { credential, secret, until } from "./support/turn.ts";

const log: TurnEvent[] = [];
const start = (first: number, count: number, relays = 300): Promise<TurnFleet> =>
  startTurnFleet(
    {
      listen: ["127.0.0.1"],
      udpPort: 0,
      tcpPort: "off",
      secrets: [secret],
      relayPorts: [first, first + relays - 1],
      log: (event) => log.push(event),
    },
    count,
    (reason) => {
      throw reason;
    },
  );

describe("three workers", () => {
  const first = 30_000 + Math.floor(Math.random() * 15_000);
  let fleet: TurnFleet;
  beforeAll(async () => {
    fleet = await start(first, 3);
  });
  afterAll(() => fleet.stop());

  const connect = async (worker: number, user: string) => {
    const { username, credential: password } = credential(user);
    let client: TurnClient | undefined;
    const socket = await bindUdp({
      address: "127.0.0.1",
      port: 0,
      receive: (bytes) => client?.receive(bytes),
    });
    const port = fleet.workers[worker]?.udp ?? 0;
    client = new TurnClient((bytes) => socket.send(bytes, port, "127.0.0.1"), username, password);
    const { relayed } = await client.allocate();
    return { client, relayed, close: () => socket.close() };
  };

  test("have ports and relay ports of their own, and each passes its test", async () => {
    expect(new Set(fleet.workers.map((ports) => ports.udp)).size).toBe(3);
    expect(await fleet.selfTest()).toMatchObject({ ok: true });
    const clients = await Promise.all([0, 1, 2].map((worker) => connect(worker, `u${worker}`)));
    const shares = clients.map(({ relayed }) => Math.floor((relayed.port - first) / 100));
    expect(shares).toEqual([0, 1, 2]);
    for (const { client, close } of clients) {
      await client.refresh(0);
      close();
    }
  });

  test("reach what listens on this machine at the ports that are named, and nothing else", async () => {
    const { client, relayed, close } = await connect(1, "viewer");
    const heard: string[] = [];
    const listeners = await Promise.all(
      ["media", "other"].map(async (name) => {
        const socket: Awaited<ReturnType<typeof bindUdp>> = await bindUdp({
          address: "127.0.0.1",
          port: 0,
          receive: (bytes, port, address) => {
            heard.push(`${name}: ${Buffer.from(bytes)}`);
            socket.send(Buffer.from("yes"), port, address);
          },
        });
        return socket;
      }),
    );
    const [media, other] = listeners.map(({ port }) => ({ address: relayed.address, port }));
    if (media === undefined || other === undefined) throw new Error("there are two");
    client.onData = (payload, from) => heard.push(`from ${from}: ${Buffer.from(payload)}`);
    await client.bind(0x4000, media);
    await client.bind(0x4001, other);
    const before = fleet.stats().refused.send_failed;
    client.sendByChannel(0x4000, Buffer.from("nobody has named it yet"));
    await until(() => fleet.stats().refused.send_failed > before);
    fleet.useLocalPeers([{ address: "0.0.0.0", port: media.port }]);
    // The other thread learns of it at some time.
    await until(() => {
      client.sendByChannel(0x4000, Buffer.from("hello"));
      return heard.includes("from 16384: yes");
    });
    client.sendByChannel(0x4001, Buffer.from("hello"));
    client.sendByChannel(0x4000, Buffer.from("the last"));
    await until(() => heard.includes("media: the last"));
    expect(new Set(heard)).toEqual(new Set(["media: hello", "from 16384: yes", "media: the last"]));
    fleet.useLocalPeers([]);
    for (const one of [...listeners, { close }]) one.close();
  });

  test("relay to each other, both permissions asked, and the source is the address that is known", async () => {
    const [one, other] = [await connect(0, "one"), await connect(2, "other")];
    const got: string[] = [];
    other.client.onData = (payload, from) =>
      got.push(
        typeof from === "number"
          ? "channel"
          : `${from.address.join(".")}:${from.port} ${Buffer.from(payload)}`,
      );
    one.client.onData = (payload, from) => got.push(`${from} ${Buffer.from(payload)}`);
    await one.client.bind(0x4000, other.relayed);
    one.client.sendByChannel(0x4000, Buffer.from("too early"));
    await until(() => fleet.stats().refused.no_permission > 0);
    await other.client.permit(one.relayed);
    one.client.sendByChannel(0x4000, Buffer.from("hello"));
    other.client.sendTo(one.relayed, Buffer.from("and back"));
    await until(() => got.length === 2);
    expect(got.sort()).toEqual([`127.0.0.1:${one.relayed.port} hello`, "16384 and back"]);
    one.close();
    other.close();
  });

  test("no port but a relay's is reached", async () => {
    const heard: string[] = [];
    const free = first + 299;
    const service = await bindUdp({
      address: "127.0.0.1",
      port: free,
      receive: () => heard.push("a service"),
    });
    const { client, close } = await connect(0, "mallory");
    await client.permit({ address: Uint8Array.of(127, 0, 0, 1), port: 0 });
    client.sendTo({ address: Uint8Array.of(127, 0, 0, 1), port: free }, Buffer.from("x"));
    await client.refresh(600);
    await client.refresh(0);
    expect(heard).toEqual([]);
    service.close();
    close();
  });

  test("are revoked and counted together", async () => {
    const [one, other] = [await connect(0, "bob/phone"), await connect(1, "bob/laptop")];
    fleet.revoke("bob");
    await until(
      () => log.filter((event) => event.type === "closed" && event.reason === "revoked").length === 2,
    );
    await expect(other.client.refresh(600)).rejects.toMatchObject({ code: 401 });
    await expect(one.client.refresh(600)).rejects.toMatchObject({ code: 401 });
    await until(() => fleet.stats().allocationsOpened >= 8);
    one.close();
    other.close();
  });
});

test("that one can't start stops all", async () => {
  const blocked = 46_000 + Math.floor(Math.random() * 1_000);
  await expect(start(blocked, 4, 6)).rejects.toThrow("too few relay ports for 4 workers");
  const alone = await start(blocked, 1);
  expect(alone.workers).toEqual([alone.ports]);
  await alone.stop();
});
