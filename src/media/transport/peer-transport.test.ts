import { describe, expect, test } from "bun:test";
import { rtpOf, textOf } from "../../../test/media/support/test-peer.ts";
import { TransportWorld } from "../../../test/media/support/transport-world.ts";
import { srtpCrypto } from "../../net/srtp-crypto.ts";
import type { PacketCipher, SrtpCrypto } from "../../wire/srtp/crypto.ts";
import { type SrtpProfile, srtpProfile } from "../../wire/srtp/profile.ts";
import type { PacketSink } from "./packet-sink.ts";
import type { MediaPath } from "./path.ts";

/** A client doesn't offer AES-256. */
const profiles: Readonly<Record<"client" | "server", readonly SrtpProfile[]>> = {
  server: Object.values(srtpProfile),
  client: [srtpProfile.aeadAes128Gcm, srtpProfile.aes128CmSha1_80],
};
/** Gathers packets in one buffer, and sends them when it is told to. */
class GatheringSink implements PacketSink {
  readonly target = new Uint8Array(10_000);
  readonly #packets: { readonly at: number; readonly length: number; readonly path: MediaPath }[] = [];
  at = 100;

  slot(): this {
    return this;
  }

  commit(length: number, path: MediaPath): boolean {
    this.#packets.push({ at: this.at, length, path });
    this.at += length;
    return true;
  }

  flush(): void {
    for (const { at, length, path } of this.#packets.splice(0))
      path.sendMedia(this.target.subarray(at, at + length), length);
  }
}

const receiverReport = Uint8Array.of(0x80, 201, 0, 1, 0, 0, 4, 0x57);

describe.each(["server", "client"] as const)("a worker that is the DTLS %s", (role) => {
  test.each(profiles[role])("connects, and media goes both ways, with profile %d", (profile) => {
    const world = new TransportWorld();
    const party = world.peer(1, role, { srtpProfiles: [profile] });
    party.connect();
    expect(party.peer.profile).toBe(profile);
    expect(world.events).toEqual(["1 connected"]);
    world.deliver(party.peer.packet(7, "hello"), party.via);
    world.deliver(party.peer.report(receiverReport), party.via);
    expect(world.received).toEqual(["1 rtp 1111 7 hello", "1 rtcp 80c9000100000457"]);
    const { header, payload } = rtpOf(3, "world", 2_222);
    expect(party.transport.sendRtp(header, header.length, payload, 3)).toBe(true);
    expect(party.transport.sendRtcp(receiverReport)).toBe(true);
    world.run(0, party);
    expect(party.peer.rtp.map(textOf)).toEqual(["world"]);
    expect(party.peer.rtcp).toEqual([receiverReport]);
  });
});

describe("packets of media", () => {
  test("are sealed where the sink wants them, and leave when it sends them", () => {
    const sink = new GatheringSink();
    const world = new TransportWorld({}, { sink });
    const party = world.peer(1).connect();
    for (let index = 0; index < 3; index++) {
      const { header, payload } = rtpOf(index, `number ${index}`, 2_222);
      expect(party.transport.sendRtp(header, header.length, payload, index)).toBe(true);
    }
    world.run(0, party);
    expect(party.peer.rtp).toEqual([]);
    sink.flush();
    world.run(0, party);
    expect(party.peer.rtp.map(textOf)).toEqual(["number 0", "number 1", "number 2"]);
  });

  test("may be longer than a usual datagram", () => {
    const world = new TransportWorld();
    const party = world.peer(1).connect();
    for (const [index, length] of [5_000, 10, 60_000].entries()) {
      const { header, payload } = rtpOf(index, "x".repeat(length), 2_222);
      expect(party.transport.sendRtp(header, header.length, payload, index)).toBe(true);
    }
    world.run(0, party);
    expect(party.peer.rtp.map(({ length }) => length - 12)).toEqual([5_000, 10, 60_000]);
  });

  test("are refused where the SSRC and index were used with other bytes", () => {
    const world = new TransportWorld();
    const party = world.peer(1).connect();
    const one = rtpOf(1, "one", 2_222);
    const other = rtpOf(1, "other", 2_222);
    const send = ({ header, payload }: typeof one) =>
      party.transport.sendRtp(header, header.length, payload, 1);
    expect([send(one), send(other), send(one)]).toEqual([true, false, true]);
  });
});

test("rule 26: no array that held an SRTP key holds it once the ciphers are made, and these are closed with the transport", () => {
  const arrays: Uint8Array[] = [];
  let open = 0;
  const closing = <Cipher extends PacketCipher>(cipher: Cipher): PacketCipher => {
    open++;
    return {
      tagBytes: cipher.tagBytes,
      seal: cipher.seal.bind(cipher),
      open: cipher.open.bind(cipher),
      close: () => open--,
    };
  };
  const spying: SrtpCrypto = {
    keyStream: (key, iv, length) => {
      const stream = srtpCrypto.keyStream(key, iv, length);
      arrays.push(key);
      return stream;
    },
    gcm: (key) => {
      arrays.push(key);
      return closing(srtpCrypto.gcm(key));
    },
    counterMode: (key, authenticationKey) => {
      arrays.push(key, authenticationKey);
      return closing(srtpCrypto.counterMode(key, authenticationKey));
    },
  };
  for (const profile of profiles.server) {
    const world = new TransportWorld({}, { srtpCrypto: spying });
    const party = world.peer(1, "server", { srtpProfiles: [profile] }).connect();
    expect(open).toBe(4);
    party.transport.close();
    expect(open).toBe(0);
  }
  expect(arrays.length).toBeGreaterThan(3 * 12);
  expect(arrays.filter((bytes) => bytes.some((byte) => byte !== 0))).toEqual([]);
});
