import { describe, expect, test } from "bun:test";
import { rtpOf, textOf } from "../../../test/media/support/test-peer.ts";
import { TransportWorld } from "../../../test/media/support/transport-world.ts";
import { type SrtpProfile, srtpProfile } from "../../wire/srtp/profile.ts";

/** A client doesn't offer AES-256. */
const profiles: Readonly<Record<"client" | "server", readonly SrtpProfile[]>> = {
  server: Object.values(srtpProfile),
  client: [srtpProfile.aeadAes128Gcm, srtpProfile.aes128CmSha1_80],
};
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
