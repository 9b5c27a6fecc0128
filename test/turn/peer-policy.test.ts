import { describe, expect, test } from "bun:test";
import { formatAddress, parseAddress } from "../../src/shared/ip-address.ts";
import { deniedRanges, PeerPolicy } from "../../src/turn/peer-policy.ts";
import { Rig, source } from "./support/rig.ts";
import { TestClient } from "./support/test-client.ts";

/** IANA's special-purpose registries, as text that owes nothing to the table in the source. */
const forbidden4 = [
  "0.0.0.0",
  "0.1.2.3",
  "10.0.0.1",
  "10.255.255.255",
  "100.64.0.1",
  "100.127.255.254",
  "127.0.0.1",
  "127.255.0.1",
  "168.63.129.16",
  "100.100.100.200",
  "192.0.0.192",
  "169.254.169.254",
  "172.16.0.1",
  "172.31.255.255",
  "192.0.0.1",
  "192.0.0.170",
  "192.0.2.1",
  "192.88.99.1",
  "192.168.0.1",
  "192.168.255.255",
  "198.18.0.9",
  "198.19.255.255",
  "198.51.100.7",
  "203.0.113.77",
  "224.0.0.1",
  "239.255.255.250",
  "240.0.0.1",
  "255.255.255.255",
];
const forbidden6 = [
  "::",
  "::1",
  "fc00::1",
  "fd00:ec2::254",
  "fd20:ce::254",
  "fd00:c1::a9fe:a9fe",
  "fd00:42::42",
  "fdff::1",
  "fe80::1",
  "febf::1",
  "fec0::1",
  "ff02::1",
  "ff0e::1",
  "2001::1",
  "2001:2::1",
  "2001:10::1",
  "2001:1ff::1",
  "2001:db8:ffff::1",
  "100::1",
  "3fff::1",
  "64:ff9b:1::1",
  "1::1",
  "200::1",
  "64:ff9c::1",
  "1fff::1",
  "4000::1",
  "8000::1",
  "dfff::1",
  "f000::1",
  "fe00::1",
];
const open4 = [
  "8.8.8.8",
  "1.1.1.1",
  "100.63.0.1",
  "100.128.0.1",
  "172.15.0.1",
  "172.32.0.1",
  "192.0.1.1",
  "198.17.0.1",
  "223.255.255.255",
  "11.0.0.1",
];
const open6 = ["2a00:1450::1", "2606:4700::1", "2400::1"];

const hex = (address: string): string => Buffer.from(parseAddress(address) ?? []).toString("hex");
const words = (text: string): string => text.match(/.{4}/g)?.join(":") ?? "";
/** Ways to write an IPv4 address as an IPv6 one. */
const encodings: Readonly<Record<string, (address: string) => string>> = {
  mapped: (address) => `::ffff:${address}`,
  compatible: (address) => `::${address}`,
  siit: (address) => `::ffff:0:${address}`,
  isatap: (address) => `2a00:1:2:3:0:5efe:${words(hex(address))}`,
  "isatap, universal": (address) => `2a00:1:2:3:200:5efe:${words(hex(address))}`,
  nat64: (address) => `64:ff9b::${address}`,
  "local nat64": (address) => {
    const [a, b] = [hex(address).slice(0, 4), hex(address).slice(4)];
    return `64:ff9b:1:${a}:00${b.slice(0, 2)}:${b.slice(2)}00::`;
  },
  "local nat64 of /96": (address) => `64:ff9b:1:808:8:800:${words(hex(address))}`,
  "6to4": (address) => `2002:${words(hex(address))}::1`,
  teredo: (address) => {
    const flipped = Buffer.from(hex(address), "hex").map((byte) => byte ^ 0xff);
    return `2001:0:808:808:0:ffff:${words(Buffer.from(flipped).toString("hex"))}`;
  },
};

/** Each way in which a client can name a peer; true when it was let through. */
const entries: Readonly<Record<string, (rig: Rig, client: TestClient, peer: string) => boolean>> = {
  CreatePermission: (_rig, client, peer) => client.permit(peer) === "success",
  "CreatePermission among others": (_rig, client, peer) =>
    client.permit(peer.includes(":") ? "2a00::77" : "8.8.4.4", peer) === "success",
  ChannelBind: (_rig, client, peer) => client.bind(0x4000, peer, 9) === "success",
  // Asked again when data is sent: this permission was given while the peer was exempt.
  Send: (rig, client, peer) => {
    rig.machine.policy.exempt({ user: "alice", address: parseAddress(peer) as Uint8Array, port: 9 });
    expect(client.permit(peer)).toBe("success");
    rig.machine.policy.exempt(undefined);
    client.send(peer, 9, "x");
    return [...rig.ports.live].some((relay) => relay.sent.length > 0);
  },
};

const tried = (entry: string, peer: string, options: ConstructorParameters<typeof Rig>[0] = {}): boolean => {
  const rig = new Rig({ ...options, peers: { relayAddresses: [], ...options.peers } });
  const client = new TestClient(rig, source(1));
  expect(client.allocate({ additional: 2 })).toBe("success");
  const went = entries[entry]?.(rig, client, peer) ?? true;
  const any = [...rig.ports.live].some((relay) => relay.sent.length > 0);
  client.channelData(0x4000, "x");
  if (!went) for (const relay of rig.ports.live) expect(relay.sent).toEqual([]);
  return went || any;
};

describe("forbidden peers", () => {
  for (const entry of Object.keys(entries)) {
    test(`${entry}: plain`, () => {
      for (const peer of [...forbidden4, ...forbidden6])
        expect(`${peer} ${tried(entry, peer)}`).toBe(`${peer} false`);
    });
    for (const [name, encode] of Object.entries(encodings))
      test(`${entry}: ${name}`, () => {
        for (const peer of forbidden4) {
          const encoded = formatAddress(parseAddress(encode(peer)) as Uint8Array);
          expect(`${peer} ${tried(entry, encoded)}`).toBe(`${peer} false`);
        }
      });
  }

  test("public peers are let through, plain and translated", () => {
    for (const entry of ["CreatePermission", "ChannelBind"])
      for (const peer of [...open4, ...open6, "64:ff9b::8.8.8.8", "2002:808:808::1", "2a00::5efe:808:808"])
        expect(`${peer} ${tried(entry, peer)}`).toBe(`${peer} true`);
  });

  test("no port is 0", () => {
    const client = new TestClient(new Rig(), source(1));
    client.allocate();
    expect(client.bind(0x4000, "8.8.8.8", 0)).toBe(403);
    client.permit("8.8.8.8");
    client.send("8.8.8.8", 0, "x");
    expect(client.rig.refused().peer_port_zero).toBe(2);
  });
});

describe("configuration", () => {
  const policyWith = (options: Partial<ConstructorParameters<typeof PeerPolicy>[0]>) =>
    new PeerPolicy({
      allowPeers: [],
      denyPeers: [],
      hostAddresses: [parseAddress("11.22.33.44") as Uint8Array],
      relayAddresses: [parseAddress("11.22.33.55") as Uint8Array],
      unsafeLoopback: false,
      hairpin: true,
      ...options,
    });
  const judge = (peer: string, options: Parameters<typeof policyWith>[0] = {}) =>
    policyWith(options).judge(parseAddress(peer) as Uint8Array, 9, "");

  test("allowPeers opens private and reserved ranges, in any encoding that is translated", () => {
    const options = { allowPeers: ["10.0.0.0/8", "fd00::/8", "198.18.0.0/15"] };
    expect(judge("10.1.2.3", options)).toBe("direct");
    expect(judge("fd00::1", options)).toBe("direct");
    expect(judge("198.18.0.1", options)).toBe("direct");
    expect(judge("192.168.0.1", options)).toBe("private");
    expect(judge("::ffff:10.1.2.3", options)).toBe("embedded_ipv4");
    expect(judge("64:ff9b::10.1.2.3", options)).toBe("direct");
    const translator = { allowPeers: ["64:ff9b:1::/48"] };
    expect(judge("64:ff9b:1::8.8.8.8", translator)).toBe("direct");
    expect(judge("64:ff9b:1:808:8:800::", translator)).toBe("direct");
    expect(judge("64:ff9b:1::10.1.2.3", translator)).toBe("private");
  });

  test("allowPeers opens neither this machine nor its neighborhood", () => {
    const options = { allowPeers: ["0.0.0.0/0", "::/0"] };
    expect(judge("127.0.0.1", options)).toBe("loopback");
    expect(judge("0.0.0.0", options)).toBe("unspecified");
    expect(judge("169.254.169.254", options)).toBe("link_local");
    expect(judge("fe80::1", options)).toBe("link_local");
    expect(judge("224.0.0.1", options)).toBe("multicast");
    expect(judge("255.255.255.255", options)).toBe("multicast");
    for (const peer of ["168.63.129.16", "100.100.100.200", "192.0.0.192", "fd00:ec2::254", "fd20:ce::254"])
      expect(judge(peer, options)).toBe("metadata");
    expect(judge("64:ff9b::168.63.129.16", options)).toBe("metadata");
    expect(judge("::ffff:0:127.0.0.1", options)).toBe("loopback");
    expect(judge("::ffff:0:8.8.8.8", options)).toBe("embedded_ipv4");
    expect(judge("64:ff9b:1:808:8:800:7f00:1", options)).toBe("loopback");
    expect(judge("2a00::5efe:7f00:1", options)).toBe("loopback");
    expect(judge("::1", options)).toBe("loopback");
    expect(judge("11.22.33.44", options)).toBe("host");
    expect(judge("::ffff:127.0.0.1", options)).toBe("loopback");
    expect(judge("64:ff9b:1:7f00:0:100::", options)).toBe("loopback");
    expect(judge("64:ff9b::11.22.33.44", options)).toBe("host");
    expect(judge("64:ff9b::11.22.33.55", options)).toBe("embedded_ipv4");
  });

  test("denyPeers closes whatever else is said", () => {
    const options = { allowPeers: ["10.0.0.0/8"], denyPeers: ["10.0.0.5", "8.8.8.0/24", "11.22.33.55"] };
    expect(judge("10.0.0.5", options)).toBe("configured");
    expect(judge("10.0.0.6", options)).toBe("direct");
    expect(judge("8.8.8.8", options)).toBe("configured");
    expect(judge("64:ff9b::8.8.8.8", options)).toBe("configured");
    expect(judge("11.22.33.55", options)).toBe("configured");
  });

  test("our own relays are reached inside", () => {
    expect(judge("11.22.33.55")).toBe("own");
    expect(judge("11.22.33.55", { hairpin: false })).toBe("direct");
  });

  test("addresses that this machine gets later are its own as well", () => {
    const policy = policyWith({});
    const address = parseAddress("9.9.9.9") as Uint8Array;
    expect(policy.judge(address, 1, "u")).toBe("direct");
    policy.useHostAddresses([address]);
    expect(policy.judge(address, 1, "u")).toBe("host");
    expect(policy.judge(parseAddress("64:ff9b::909:909") as Uint8Array, 1, "u")).toBe("host");
  });

  test("the exemption is for one user and one peer", () => {
    const policy = policyWith({});
    const loopback = parseAddress("127.0.0.1") as Uint8Array;
    policy.exempt({ user: "tester", address: loopback, port: 9 });
    expect(policy.judge(loopback, 9, "tester")).toBe("direct");
    expect(policy.judge(loopback, 8, "tester")).toBe("host");
    expect(policy.judge(loopback, 9, "other")).toBe("loopback");
    policy.exempt(undefined);
    expect(policy.judge(loopback, 9, "tester")).toBe("loopback");
  });

  test("what is no range is named", () => {
    for (const options of [{ allowPeers: ["10.0.0.0/40"] }, { denyPeers: ["localhost"] }])
      expect(() => judge("8.8.8.8", options)).toThrow(/10\.0\.0\.0\/40|localhost/);
  });

  test("the list for other servers names every range", () => {
    expect(deniedRanges).toContain("169.254.0.0/16");
    expect(deniedRanges.length).toBeGreaterThan(25);
  });
});
