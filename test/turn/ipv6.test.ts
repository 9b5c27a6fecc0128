import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { interfaceAddresses } from "../../src/net/interfaces.ts";
import { bindUdp } from "../../src/net/udp.ts";
import { formatAddress, parseAddress } from "../../src/shared/ip-address.ts";
import type { TurnServer } from "../../src/turn/server.ts";
import { TurnClient } from "../../src/turn/shell/turn-client.ts";
import { encodeText } from "../../src/wire/stun/text.ts";
import { family, type TransportAddress } from "../../src/wire/stun/transport-address.ts";
import { someOf } from "../support/seed.ts";
import { Coturn, hasCoturn, uclientTo } from "./support/coturn.ts";
import { credential, startTestTurn, until } from "./support/turn.ts";

const hosts = ["127.0.0.1", "::1"] as const;
type Host = (typeof hosts)[number];
const hasIpv6 = interfaceAddresses().some(({ address }) => address === "::1");

describe.skipIf(!hasIpv6)("IPv6, from outside", () => {
  let turn: TurnServer;
  /** Sends to its own addresses by the sockets: peers on this machine have no others. */
  let direct: TurnServer;
  beforeAll(async () => {
    turn = await startTestTurn({ listen: hosts });
    direct = await startTestTurn({ listen: hosts, hairpin: false });
  });
  afterAll(async () => {
    await turn.stop();
    await direct.stop();
  });

  const ends: { close(): void }[] = [];
  /** A client of the server by this family, and what peers sent it: the channel or the peer's address, and the text. */
  const connect = async (server: TurnServer, host: Host, user: string) => {
    const { username, credential: password } = credential(user);
    const heard: string[] = [];
    const socket = await bindUdp({ address: host, port: 0, receive: (bytes) => client.receive(bytes) });
    ends.push(socket);
    const send = (bytes: Uint8Array) => void socket.send(bytes, server.ports.udp ?? 0, host);
    const client: TurnClient = new TurnClient(send, username, password);
    client.onData = (payload, from) =>
      heard.push(`${typeof from === "number" ? from : named(from)} ${Buffer.from(payload)}`);
    return { client, heard };
  };
  /** A peer that is nobody's client. */
  const openPeer = async (host: Host) => {
    const heard: string[] = [];
    const receive = (bytes: Uint8Array, port: number, address: string) =>
      void heard.push(`${address} ${port} ${Buffer.from(bytes)}`);
    const socket = await bindUdp({ address: host, port: 0, receive });
    ends.push(socket);
    return { socket, heard, at: { address: parseAddress(host) as Uint8Array, port: socket.port } };
  };
  const named = ({ address, port }: TransportAddress): string => `${formatAddress(address)} ${port}`;
  /** Data through the relay both ways, with indications and by a channel. */
  const exchange = async (
    { client, heard }: Awaited<ReturnType<typeof connect>>,
    relayed: TransportAddress,
    host: Host,
    channel: number,
  ): Promise<void> => {
    const peer = await openPeer(host);
    const relay = named(relayed);
    await client.permit(peer.at);
    client.sendTo(peer.at, encodeText("out"));
    await until(() => peer.heard.includes(`${relay} out`));
    peer.socket.send(encodeText("in"), relayed.port, formatAddress(relayed.address));
    await until(() => heard.includes(`${named(peer.at)} in`));
    await client.bind(channel, peer.at);
    client.sendByChannel(channel, encodeText("out by channel"));
    await until(() => peer.heard.includes(`${relay} out by channel`));
    peer.socket.send(encodeText("in by channel"), relayed.port, formatAddress(relayed.address));
    await until(() => heard.includes(`${channel} in by channel`));
  };

  for (const host of hosts)
    test(`REQUESTED-ADDRESS-FAMILY: an IPv6 relay for a client at ${host}`, async () => {
      const end = await connect(direct, host, "six");
      expect(formatAddress((await end.client.binding()).address)).toBe(host);
      const { relayed, others } = await end.client.allocate(family.ipv6);
      expect([formatAddress(relayed.address), others]).toEqual(["::1", []]);
      await exchange(end, relayed, "::1", 0x4000);
      // Peers of the other family are none of this relay's (RFC 8656 §9.2, §12.2).
      const four = { address: Uint8Array.of(127, 0, 0, 1), port: 9 };
      await expect(end.client.permit(four)).rejects.toMatchObject({ code: 443 });
      await expect(end.client.bind(0x4001, four)).rejects.toMatchObject({ code: 443 });
      await end.client.refresh(0);
    });

  test("ADDITIONAL-ADDRESS-FAMILY: one allocation with relays of both families, each with its peers", async () => {
    const end = await connect(direct, "::1", "both");
    const { relayed, others } = await end.client.allocate("additional");
    expect([relayed, ...others].map(({ address }) => formatAddress(address))).toEqual(["127.0.0.1", "::1"]);
    await exchange(end, relayed, "127.0.0.1", 0x4000);
    await exchange(end, others[0] as TransportAddress, "::1", 0x4001);
    expect(direct.stats()).toMatchObject({ allocations: 1, relays: 2, openRelaySockets: 2 });
    await end.client.refresh(0);
  });

  test("two IPv6 relays reach each other inside the server", async () => {
    const [one, other] = [await connect(turn, "::1", "one"), await connect(turn, "127.0.0.1", "other")];
    const [a, b] = [await one.client.allocate(family.ipv6), await other.client.allocate(family.ipv6)];
    await one.client.permit(b.relayed);
    await other.client.permit(a.relayed);
    const before = turn.stats().hairpinMessages;
    one.client.sendTo(b.relayed, encodeText("hello"));
    await until(() => other.heard.includes(`${named(a.relayed)} hello`));
    other.client.sendTo(a.relayed, encodeText("hello too"));
    await until(() => one.heard.includes(`${named(b.relayed)} hello too`));
    expect(turn.stats().hairpinMessages).toBe(before + 2);
    for (const { client } of [one, other]) await client.refresh(0);
  });

  test("nothing is left", () => {
    for (const end of ends) end.close();
    for (const server of [turn, direct])
      expect(server.stats()).toMatchObject({ allocations: 0, relays: 0, openRelaySockets: 0 });
  });
});

describe.skipIf(!hasIpv6 || !hasCoturn)("IPv6, by turnutils_uclient", () => {
  let turn: TurnServer;
  let coturn: Coturn;
  beforeAll(async () => {
    turn = await startTestTurn({ listen: hosts });
    coturn = await Coturn.start(undefined, [...hosts]);
  });
  afterAll(async () => {
    await coturn.stop();
    await turn.stop();
  });

  // Not -Z, dual allocation: the tool of 4.6.1 asks for it by the number of a draft (0x8032), and not by that of RFC 8656.
  const commands = [
    ["::1", "-x -y -c -l 172"],
    ["127.0.0.1", "-x -y -c -l 171"],
    ["::1", "-x -y -c -s -l 1200"],
    ["::1", "-x -y -c -t -l 171"],
    ["127.0.0.1", "-x -y -c -t -l 1200"],
    ["::1", "-X -y -c -l 171"],
  ] as const;
  for (const [host, flags] of someOf(commands, 2))
    test.concurrent(`${host} ${flags}: as with coturn`, async () => {
      const words = [...flags.split(" "), ..."-n 5 -m 2".split(" ")];
      const port = (words.includes("-t") ? turn.ports.tcp : turn.ports.udp) ?? 0;
      const both = () =>
        Promise.all([uclientTo(host, port, ...words), uclientTo(host, coturn.port, ...words)]);
      let [ours, theirs] = await both();
      // UDP may lose a datagram where every buffer of a busy machine is full, theirs or ours: once more, then it counts.
      if (ours.received + theirs.received < 20) [ours, theirs] = await both();
      expect({ ours: [ours.sent, ours.received], theirs: [theirs.sent, theirs.received] }).toEqual({
        ours: [10, 10],
        theirs: [10, 10],
      });
    }, 60_000);
});
