import { describe, expect, test } from "bun:test";
import {
  codec,
  SimulatedPublisher,
  SimulatedViewer,
  threeLayers,
} from "../../../test/support/simulated-media.ts";
import { oneLayer, SimulatedStream } from "../../../test/support/simulated-stream.ts";
import { writeFixedHeader } from "../../wire/rtp/packet.ts";
import type { RtcpPacket } from "../../wire/rtp/rtcp.ts";
import type { PublishedTrack } from "../negotiated.ts";
import { Stream } from "./stream.ts";

function of<T extends RtcpPacket["type"]>(packets: readonly RtcpPacket[], type: T) {
  return packets.filter((packet): packet is Extract<RtcpPacket, { type: T }> => packet.type === type);
}

/** A packet without any extension. */
function plain(ssrc: number, payloadType: number, index: number, payload: Uint8Array) {
  const packet = new Uint8Array(12 + payload.length);
  const header = { payloadType, marker: true, sequence: index & 0xffff, timestamp: index * 3_000, ssrc };
  writeFixedHeader(packet, 0, header, false);
  packet.set(payload, 12);
  return { packet, ssrc, index };
}

/** A keyframe of VP8 in one packet. */
const keyframe = Uint8Array.of(0x10, 0, 0, 0, 0x9d, 0x01, 0x2a, 64, 0, 64, 0, 1, 2, 3);

describe("what a publisher is told", () => {
  test("each second what was received, and REMB: what it may send at most", () => {
    const world = new SimulatedStream({ layers: oneLayer }, { publisherBitrate: 3_000_000 });
    world.run(3_500);
    const reports = of(world.publisher.received, "rr").filter((report) => report.reports.length > 0);
    expect(reports.length).toBe(3);
    expect(reports.at(-1)?.reports.map(({ ssrc, fractionLost }) => [ssrc, fractionLost])).toEqual([
      [102, 0],
      [99, 0],
    ]);
    expect(reports.at(-1)?.reports[0]?.lastReport).not.toBe(0);
    const rembs = of(world.publisher.received, "remb");
    expect(rembs.length).toBe(3);
    expect(rembs[0]?.bitrate).toBeGreaterThan(2_990_000);
    expect(rembs[0]?.ssrcs).toEqual([102, 99]);
    const names: string[] = [];
    const { rtcp } = world.publisher.sender;
    world.publisher.sender.rtcp = (compound) => {
      names.push(Buffer.from(compound).toString("latin1"));
      rtcp(compound);
    };
    world.run(1_100);
    expect(names.length).toBeGreaterThan(0);
    expect(names.every((text) => text.includes("switchboard"))).toBe(true);
  });

  test("when each packet came, 10 to 20 times a second, where transport-wide feedback was agreed on", () => {
    const world = new SimulatedStream({ codec: codec("vp8", 96, { transportFeedback: true }) });
    let feedback = 0;
    let reported = 0;
    const { rtcp } = world.publisher.sender;
    world.publisher.sender.rtcp = (compound) => {
      for (
        let at = 0;
        at < compound.length;
        at += 4 + 4 * (((compound[at + 2] ?? 0) << 8) | (compound[at + 3] ?? 0))
      )
        if (compound[at] === 0x8f && compound[at + 1] === 205) {
          feedback++;
          reported += ((compound[at + 14] ?? 0) << 8) | (compound[at + 15] ?? 0);
        }
      rtcp(compound);
    };
    world.run(2_000);
    expect(feedback).toBeGreaterThanOrEqual(20);
    expect(feedback).toBeLessThanOrEqual(40);
    expect(reported).toBeGreaterThan(world.stream.counters.received - 40);
  });

  test("a keyframe is asked for once each 500 ms and layer, however many viewers want one", () => {
    const world = new SimulatedStream({ layers: oneLayer });
    world.run(3_000);
    const legs = Array.from({ length: 20 }, () => world.join().leg);
    const asked = () => of(world.publisher.received, "pli").length;
    const before = asked();
    const pli = Uint8Array.of(0x81, 206, 0, 2, 0, 0, 0, 1, 0x20, 0, 0, 1);
    world.run(2_000, () => {
      for (const leg of legs) world.stream.viewerRtcp(leg, pli, world.now);
    });
    expect(asked() - before).toBeGreaterThan(1);
    expect(asked() - before).toBeLessThanOrEqual(4);
  });

  test("by FIR where PLI wasn't agreed on, or isn't answered", () => {
    const without = new SimulatedStream({
      layers: oneLayer,
      codec: codec("vp8", 96, { pli: false, fir: true }),
    });
    without.run(3_000);
    without.join();
    without.run(300);
    expect(of(without.publisher.received, "pli")).toEqual([]);
    expect(of(without.publisher.received, "fir").length).toBe(1);

    const deaf = new SimulatedStream({ layers: oneLayer, codec: codec("vp8", 96, { fir: true }) });
    deaf.run(3_000);
    const heard: string[] = [];
    deaf.publisher.sender.rtcp = (compound) => {
      for (
        let at = 0;
        at < compound.length;
        at += 4 + 4 * (((compound[at + 2] ?? 0) << 8) | (compound[at + 3] ?? 0))
      )
        if (compound[at + 1] === 206 && compound[at] !== 0x8f)
          heard.push(compound[at] === 0x81 ? "pli" : "fir");
    };
    deaf.join();
    deaf.run(1_800);
    expect(heard).toEqual(["pli", "pli", "fir", "fir"]);
  });
});

describe("whose packet it is", () => {
  const video: PublishedTrack = {
    ...{ kind: "video", mid: "1", codecs: [codec("vp8", 96)], rids: [], extensions: { mid: 1 } },
    ...{ ssrcs: [], repairs: [] },
  };

  /** The rids of the layers that packets make. */
  function layersOf(track: PublishedTrack, packets: readonly ReturnType<typeof plain>[]) {
    const stream = new Stream();
    const publisher = new SimulatedPublisher();
    stream.setPublisher([track], publisher.sender, 0);
    for (const packet of packets) stream.publisherRtp(packet, 0);
    return { rids: stream.layers().map(({ rid }) => rid), counters: stream.counters };
  }

  test("by SSRCs that the offer names, each a layer, with its retransmissions", () => {
    const declared = { ...video, ssrcs: [7, 8], repairs: [[7, 70] as const, [8, 80] as const] };
    const osn = Uint8Array.of(0, 5, ...keyframe);
    const { rids, counters } = layersOf(declared, [
      plain(8, 96, 1, keyframe),
      plain(7, 96, 4, keyframe),
      plain(7, 96, 6, keyframe),
      plain(70, 97, 1, osn),
      plain(70, 97, 2, osn),
      plain(9, 96, 1, keyframe),
    ]);
    expect(rids).toEqual(["1", "0"]);
    expect(counters.recovered).toBe(1);
    expect(counters.unknownSource).toBe(1);
  });

  test("by payload type where there is nothing else; what no track has is counted", () => {
    const { rids, counters } = layersOf(video, [plain(5, 96, 1, keyframe), plain(6, 50, 1, keyframe)]);
    expect(rids).toEqual([""]);
    expect(counters.unknownSource).toBe(1);
  });

  test("with simulcast a packet without a rid makes no layer, nor does a rid that wasn't offered", () => {
    const { rids, counters } = layersOf({ ...video, rids: ["a", "b"] }, [plain(5, 96, 1, keyframe)]);
    expect(rids).toEqual([]);
    expect(counters.unknownSource).toBe(1);
  });

  test("by mid and rid: each layer its own", () => {
    const world = new SimulatedStream();
    world.run(100);
    expect(world.stream.layers().map(({ rid }) => rid)).toEqual(["l", "m", "h"]);
    expect(world.stream.counters.unknownSource).toBe(0);
  });
});

describe("a publisher that misbehaves", () => {
  test("200 Mbit/s: what is over twice the agreed rate is dropped and counted, and the store stays small", () => {
    const world = new SimulatedStream({ layers: oneLayer }, { publisherBitrate: 2_000_000 });
    const { viewer } = world.join();
    world.run(1_000);
    const before = viewer.bytes;
    const junk = new Uint8Array(1_200);
    let index = 20_000;
    world.run(1_000, () => {
      for (let n = 0; n < 208; n++) world.stream.publisherRtp(plain(102, 96, index++, junk), world.now);
    });
    expect(world.stream.counters.overRate).toBeGreaterThan(19_000);
    // A second of twice the rate, and the second that may come at once.
    expect(viewer.bytes - before).toBeLessThan(1_050_000);
  });

  test("malformed packets and RTCP are counted, and change nothing", () => {
    const world = new SimulatedStream({ layers: oneLayer });
    const { viewer } = world.join();
    world.run(1_000, () => {
      world.stream.publisherRtp({ packet: Uint8Array.of(0x80, 96, 0), ssrc: 102, index: 1 }, world.now);
      world.stream.publisherRtp(plain(102, 96, 1, new Uint8Array(4_000)), world.now);
      world.stream.publisherRtcp(Uint8Array.of(0x80, 200, 0, 99), world.now);
    });
    expect(world.stream.counters.malformed).toBe(200);
    expect(world.stream.counters.malformedRtcp).toBe(100);
    expect(viewer.frames().length).toBeGreaterThan(30);
    expect(viewer.missing()).toEqual([]);
  });

  test("a source that jumps far ahead goes on from there, and asks for nothing of the gap", () => {
    const layers = threeLayers.slice(1, 2);
    const world = new SimulatedStream({ layers });
    const { viewer } = world.join();
    world.run(1_000);
    const jumped = new SimulatedPublisher({ layers, firstIndex: 9_000_000 });
    jumped.deliver = world.publisher.deliver;
    world.publisher = jumped;
    world.run(2_000);
    expect(of(jumped.received, "nack")).toEqual([]);
    expect(viewer.refused).toBe(0);
    expect(viewer.frames().filter(({ at }) => at > 1_000).length).toBeGreaterThan(50);
  });
});

test("one stray packet far ahead is no jump: everything else goes on", () => {
  const world = new SimulatedStream({ layers: oneLayer });
  const { viewer } = world.join();
  world.run(1_000);
  world.stream.publisherRtp(plain(102, 96, 20_000, keyframe), world.now);
  world.run(1_000);
  expect(viewer.missing()).toEqual([]);
  expect(viewer.frames().length).toBe(67);
});

test("a viewer that is full of feedback is answered in measure", () => {
  const world = new SimulatedStream({ layers: oneLayer });
  const { leg } = world.join();
  const { viewer: innocent } = world.join();
  world.run(1_000);
  const bomb = new Uint8Array(1_400);
  for (let at = 0; at + 4 <= bomb.length; at += 4) bomb.set([0x80, 201, 0, 0], at);
  const ssrc = SimulatedViewer.ssrc.video;
  const remb = Uint8Array.of(
    0x8f,
    206,
    0,
    4,
    0,
    0,
    0,
    1,
    0,
    0,
    0,
    0,
    0x52,
    0x45,
    0x4d,
    0x42,
    0,
    0xff,
    0xff,
    0xff,
  );
  const nothing = remb.slice();
  nothing.fill(0, 17);
  const fir = Uint8Array.of(0x84, 206, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0, ssrc >>> 24, 0, 0, 1, 0, 0, 0, 0);
  const before = world.publisher.keyframes.get(102) ?? 0;
  world.run(5_000, () => {
    for (let n = 0; n < 20; n++)
      for (const one of [bomb, remb, nothing, fir]) world.stream.viewerRtcp(leg, one, world.now);
  });
  expect(world.stream.counters.rtcpOverRate).toBeGreaterThan(30_000);
  // What it may ask for at once, and one each two seconds.
  expect((world.publisher.keyframes.get(102) ?? 0) - before).toBeLessThanOrEqual(8);
  expect(innocent.missing()).toEqual([]);
  expect(innocent.frames().length).toBe(200);
});
