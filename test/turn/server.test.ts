import { describe, expect, test } from "bun:test";
import { createSocket } from "node:dgram";
import { connect, type Socket } from "node:net";
import { readCertificate } from "../../src/net/certificate-files.ts";
import { connectStream } from "../../src/net/connect.ts";
import { bindUdp } from "../../src/net/udp.ts";
import type { TurnEvent } from "../../src/turn/events.ts";
import { startTurn, type TurnServer } from "../../src/turn/server.ts";
import type { TurnOptions } from "../../src/turn/shell/options.ts";
import { TurnClient } from "../../src/turn/shell/turn-client.ts";
import { StreamSplitter } from "../../src/wire/stun/stream-splitter.ts";
import { makeCertificate, temporaryFolder } from "../support/certificates.ts";
import { credential, startTestTurn, until } from "./support/turn.ts";

async function udpClient(turn: TurnServer, user: string, host = "127.0.0.1") {
  const { username, credential: password } = credential(user);
  let client: TurnClient | undefined;
  const socket = await bindUdp({ address: host, port: 0, receive: (bytes) => client?.receive(bytes) });
  client = new TurnClient((bytes) => socket.send(bytes, turn.ports.udp ?? 0, host), username, password);
  return { client, close: () => socket.close() };
}

async function tcpClient(turn: TurnServer, user: string) {
  const { username, credential: password } = credential(user);
  let client: TurnClient | undefined;
  let closed = false;
  const splitter = new StreamSplitter();
  const take = (message: Uint8Array): boolean => {
    client?.receive(message);
    return true;
  };
  const stream = await connectStream(
    { host: "127.0.0.1", port: turn.ports.tcp ?? 0, timeout: 10_000 },
    () => ({
      data: (chunk) => void splitter.push(chunk, take),
      closed: () => {
        closed = true;
      },
    }),
  );
  client = new TurnClient((bytes) => stream.write(bytes.slice()), username, password);
  return { client, stream, isClosed: () => closed };
}

test("a flood over TCP leaves turns to others", async () => {
  const turn = await startTestTurn({});
  const many = 10_000;
  const [flood, innocent] = [await tcpClient(turn, "mallory"), await tcpClient(turn, "alice")];
  // Binding requests, all in one piece.
  const requests = Buffer.alloc(many * 20);
  for (let n = 0; n < many; n++) {
    requests.set([0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42], n * 20);
    requests.writeUInt32BE(n, n * 20 + 16);
  }
  flood.stream.write(requests);
  await innocent.client.allocate();
  // The innocent has had two answers while most of the flood waits.
  expect(turn.stats().bindings).toBeLessThan(many);
  await until(() => turn.stats().bindings === many);
  flood.stream.destroy();
  innocent.stream.destroy();
  await turn.stop();
});

describe("a server", () => {
  test("tests itself: over UDP, over TCP where there is no UDP, over IPv6", async () => {
    const variants: TurnOptions[] = [
      {},
      { udpPort: "off" },
      { listen: ["::1"] },
      { unsafeLoopback: false },
      {
        listen: ["0.0.0.0"],
        relayAddresses: ["0.0.0.0"],
        publicAddresses: ["192.0.2.99"],
        unsafeLoopback: false,
      },
    ];
    for (const options of variants) {
      const turn = await startTestTurn(options);
      const result = await turn.selfTest();
      expect(result).toMatchObject({ ok: true });
      expect(turn.stats()).toMatchObject({ allocations: 0, relays: 0, openRelaySockets: 0 });
      await turn.stop();
    }
  });

  test("its test says what fails", async () => {
    const blocker = createSocket("udp4");
    await new Promise<void>((resolve) => blocker.bind(0, "127.0.0.1", resolve));
    const { port } = blocker.address();
    const turn = await startTestTurn({ relayPorts: [port, port] });
    expect(await turn.selfTest()).toMatchObject({
      ok: false,
      step: "allocate",
      failure: "allocate: error 508",
    });
    blocker.close();
    await turn.stop();
  });

  test("made-up secrets work, and nothing works without credentials", async () => {
    const turn = await startTurn({ listen: ["127.0.0.1"], udpPort: 0, tcpPort: 0 });
    expect(turn.secret?.length).toBeGreaterThanOrEqual(32);
    const { client, close } = await udpClient(turn, "stranger");
    await expect(client.allocate()).rejects.toMatchObject({ code: 401 });
    close();
    await turn.stop();
  });

  test("says in one line why it can't start, and leaves no socket behind", async () => {
    const turn = await startTestTurn();
    const port = turn.ports.tcp ?? 0;
    await expect(startTestTurn({ tcpPort: port })).rejects.toThrow(/TURN can't listen: .*EADDRINUSE/);
    await expect(startTestTurn({ listen: ["127.0.0.1", "10.99.99.99"] })).rejects.toThrow(
      /TURN can't listen/,
    );
    await expect(startTestTurn({ relayPorts: [9, 8] })).rejects.toThrow("no range of ports");
    await expect(startTestTurn({ allowPeers: ["10.0.0.0/99"] })).rejects.toThrow("10.0.0.0/99 is neither");
    await expect(startTestTurn({ publicAddresses: ["example.org"] })).rejects.toThrow(
      "example.org is not an IP",
    );
    await turn.stop();
    const again = await startTestTurn({ udpPort: turn.ports.udp ?? 0, tcpPort: port });
    await again.stop();
  });

  test("relays between UDP and TCP clients, and tells its counters", async () => {
    const turn = await startTestTurn({ unsafeLoopback: false });
    const [one, other] = [await udpClient(turn, "one"), await tcpClient(turn, "other")];
    const here = (await one.client.allocate()).relayed;
    const there = (await other.client.allocate()).relayed;
    await one.client.bind(0x4000, there);
    await other.client.permit(here);
    const got: string[] = [];
    other.client.onData = (payload, from) =>
      got.push(`${typeof from === "number" ? from : from.port} ${Buffer.from(payload)}`);
    one.client.onData = (payload, from) => got.push(`${from} ${Buffer.from(payload)}`);
    one.client.sendByChannel(0x4000, Buffer.from("to tcp"));
    await until(() => got.length === 1);
    other.client.sendTo(here, Buffer.from("to udp"));
    await until(() => got.length === 2);
    expect(got).toEqual([`${here.port} to tcp`, "16384 to udp"]);
    expect(turn.stats()).toMatchObject({
      allocations: 2,
      connections: 1,
      hairpinMessages: 2,
      toClientBytes: 12,
    });
    other.stream.destroy();
    await until(() => turn.stats().allocations === 1);
    one.close();
    await turn.stop();
  });

  test("revoking ends what runs", async () => {
    const log: TurnEvent[] = [];
    const turn = await startTestTurn({ log: (event) => log.push(event) });
    const { client, close } = await udpClient(turn, "bob/phone");
    await client.allocate();
    turn.revoke("bob");
    expect(turn.stats()).toMatchObject({ allocations: 0, openRelaySockets: 0 });
    await expect(client.refresh(600)).rejects.toMatchObject({ code: 401 });
    expect(log.map((event) => event.type)).toEqual(["opened", "closed", "refused"]);
    close();
    await turn.stop();
  });

  test("takes another TLS certificate", async () => {
    const folder = temporaryFolder();
    const [one, two] = ["one", "two"].map((name) => {
      const paths = makeCertificate(folder, name);
      return readCertificate(paths.cert, paths.key);
    });
    if (one === undefined || two === undefined) throw new Error("no certificates");
    const turn = await startTestTurn({ tls: { port: 0, certificate: one } });
    turn.useCertificate(two);
    expect(turn.ports.tls).toBeGreaterThan(0);
    await turn.stop();
  });
});

describe("connections", () => {
  const open = (turn: TurnServer): Promise<Socket> =>
    new Promise((resolve) => {
      const socket = connect(turn.ports.tcp ?? 0, "127.0.0.1", () => resolve(socket));
      socket.on("error", () => {});
      socket.resume();
    });
  const ended = (socket: Socket): Promise<void> =>
    new Promise((resolve) => {
      if (socket.destroyed) resolve();
      else socket.once("close", () => resolve());
    });

  test("are limited per address", async () => {
    const turn = await startTestTurn({ limits: { connectionsPerAddress: 3 } });
    const sockets = [await open(turn), await open(turn), await open(turn)];
    await until(() => turn.stats().connections === 3);
    await ended(await open(turn));
    expect(turn.stats().refused.connections).toBe(1);
    sockets[0]?.destroy();
    await until(() => turn.stats().connections === 2);
    sockets.push(await open(turn));
    await until(() => turn.stats().connections === 3);
    for (const socket of sockets) socket.destroy();
    await turn.stop();
  });

  test("without an allocation are cut after a while; with one they stay", async () => {
    const turn = await startTestTurn({ limits: { preAuthTimeout: 1_500 } });
    const { client, stream, isClosed } = await tcpClient(turn, "patient");
    await client.allocate();
    const silent = await open(turn);
    await ended(silent);
    expect(turn.stats().refused.connection_timeout).toBe(1);
    expect(isClosed()).toBe(false);
    await client.refresh(600);
    stream.destroy();
    await turn.stop();
  });

  test("that speak something else are cut", async () => {
    const turn = await startTestTurn();
    const socket = await open(turn);
    socket.write("GET / HTTP/1.1\r\n\r\n");
    await ended(socket);
    expect(turn.stats().refused.malformed).toBe(1);
    await turn.stop();
  });

  test("that don't read lose relayed data, and only that", async () => {
    const rates = { bytesPerSecond: 1e9, totalBytesPerSecond: 1e9 };
    const turn = await startTestTurn({ unsafeLoopback: false, limits: rates });
    const { username, credential: password } = credential("slow");
    const socket = await open(turn);
    const splitter = new StreamSplitter();
    const slow = new TurnClient((bytes) => socket.write(bytes.slice()), username, password);
    socket.on("data", (chunk: Uint8Array) =>
      splitter.push(chunk, (message) => {
        slow.receive(message);
        return true;
      }),
    );
    const fast = await udpClient(turn, "fast");
    const there = (await slow.allocate()).relayed;
    const here = (await fast.client.allocate()).relayed;
    await slow.permit(here);
    await fast.client.bind(0x4000, there);
    socket.pause();
    const payload = new Uint8Array(50_000);
    for (let n = 0; n < 2_000 && turn.stats().refused.backpressure < 20; n++) {
      fast.client.sendByChannel(0x4000, payload);
      if (n % 4 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(turn.stats().refused.backpressure).toBeGreaterThanOrEqual(20);
    socket.resume();
    await slow.refresh(600);
    expect(turn.stats()).toMatchObject({ allocations: 2, connections: 1 });
    socket.destroy();
    fast.close();
    await turn.stop();
  }, 20_000);
});
