import { describe, expect, test } from "bun:test";
import { Random } from "../../../test/fuzz/random.ts";
import { codec, faults, SimulatedViewer, ssrcOf } from "../../../test/support/simulated-media.ts";
import { oneLayer, SimulatedStream } from "../../../test/support/simulated-stream.ts";
import { genericNack, receiverReport } from "../../wire/rtp/rtcp-writer.ts";
import type { Viewer } from "./viewer.ts";

const { video: videoSsrc, videoRepair } = SimulatedViewer.ssrc;

/** Asks for what is missing as a browser does: each 20 ms, for packets of the last second. */
function askAgain(world: SimulatedStream, viewer: SimulatedViewer, leg: Viewer): void {
  if (world.now % 20 !== 0) return;
  const highest = Math.max(...viewer.video.keys());
  const lost = viewer.missing().filter((index) => index > highest - 200);
  if (lost.length > 0)
    world.stream.viewerRtcp(
      leg,
      genericNack(
        1,
        videoSsrc,
        lost.map((index) => index & 0xffff),
      ),
      world.now,
    );
}

describe("from the publisher to us", () => {
  test("lost packets are asked for, come by RTX, and reach viewers in order, as if nothing had been", () => {
    const world = new SimulatedStream({ layers: oneLayer });
    const { viewer } = world.join();
    const random = new Random(1);
    world.network = ({ ssrc }) => (ssrc === 102 && random.chance(0.1) ? undefined : random.int(0, 3) * 10);
    world.run(4_000);
    world.network = () => 0;
    world.run(500);
    expect(world.stream.counters.recovered).toBeGreaterThan(20);
    expect(viewer.missing()).toEqual([]);
    expect(faults(viewer.frames())).toEqual([]);
    expect(viewer.frames().length).toBeGreaterThan(140);
    expect(world.stream.layers()[0]?.lost).toBe(0);
  });

  test("what never comes again is skipped after a moment, and a keyframe is asked for", () => {
    const world = new SimulatedStream({ layers: oneLayer });
    const { viewer } = world.join();
    world.run(1_000);
    const before = world.publisher.keyframes.get(102) ?? 0;
    let lost = 0;
    world.network = ({ ssrc }) => (ssrc === 1_102 || (ssrc === 102 && lost++ < 1) ? undefined : 0);
    world.run(300);
    expect(viewer.missing().length).toBe(1);
    world.run(1_000);
    expect((world.publisher.keyframes.get(102) ?? 0) - before).toBe(1);
    const frames = viewer.frames();
    expect(frames.length).toBeGreaterThan(60);
    expect(frames.filter(({ key }) => key).length).toBe(2);
    expect(world.stream.layers()[0]?.lost).toBeGreaterThan(0);
  });
});

describe("a packet that comes when those behind it have gone on", () => {
  for (const gathers of [false, true])
    for (const repair of [true, false])
      test(`leaves at once, without being asked for; with RTX: ${repair}, gathered: ${gathers}`, () => {
        const { repair: _, ...plain } = codec("vp8", 120);
        const world = new SimulatedStream({ layers: oneLayer }, {}, gathers);
        const codecs = [repair ? codec("vp8", 120) : plain];
        const { viewer } = world.join(new SimulatedViewer({ codecs }));
        world.run(1_000);
        const before = world.publisher.keyframes.get(102) ?? 0;
        let lost = 0;
        // The packet and its first repeats are lost; the last one comes.
        world.network = ({ ssrc }) =>
          (ssrc === 102 && lost++ < 1) || (ssrc === 1_102 && world.now < 1_260) ? undefined : 0;
        world.run(240);
        expect(viewer.missing().length).toBe(1);
        world.run(200);
        expect(viewer.missing()).toEqual([]);
        expect(viewer.repairs).toBe(repair ? 1 : 0);
        expect(viewer.refused).toBe(0);
        expect(world.publisher.keyframes.get(102)).toBe(before);
        expect(faults(viewer.frames())).toEqual([]);
      });

  test("is not waited for with a keyframe, as long as it may come", () => {
    const world = new SimulatedStream({ layers: oneLayer });
    const { viewer, leg } = world.join();
    world.run(1_000);
    const before = world.publisher.keyframes.get(102) ?? 0;
    let lost = 0;
    world.network = ({ ssrc }) => ((ssrc === 102 && lost++ < 1) || ssrc === 1_102 ? undefined : 0);
    world.run(300, () => askAgain(world, viewer, leg));
    expect(viewer.missing().length).toBe(1);
    expect(world.publisher.keyframes.get(102)).toBe(before);
    world.run(700, () => askAgain(world, viewer, leg));
    expect(world.publisher.keyframes.get(102)).toBe(before + 1);
  });
});

test("what is lost on the way to us is asked for again after a round trip and a half", () => {
  for (const [roundTrip, least, most] of [
    [10, 13, 16],
    [100, 3, 4],
    [undefined, 8, 10],
  ] as const) {
    const world = new SimulatedStream({ layers: oneLayer });
    Object.assign(world.publisher.sender, { roundTrip });
    world.run(1_000);
    let lost = 0;
    world.network = ({ ssrc }) => ((ssrc === 102 && lost++ < 1) || ssrc === 1_102 ? undefined : 0);
    const before = world.publisher.received.length;
    world.run(490);
    const asked = world.publisher.received.slice(before).filter(({ type }) => type === "nack").length;
    expect(asked).toBeGreaterThanOrEqual(least);
    expect(asked).toBeLessThanOrEqual(most);
  }
});

describe("from us to the viewer", () => {
  test("lost packets are repeated by RTX, and every frame is whole", () => {
    const random = new Random(2);
    const world = new SimulatedStream({ layers: oneLayer });
    const { viewer, leg } = world.join(new SimulatedViewer({ loses: () => random.chance(0.05) }));
    world.run(5_000, () => askAgain(world, viewer, leg));
    expect(viewer.repairs).toBeGreaterThan(10);
    expect(viewer.missing().filter((index) => index < Math.max(...viewer.video.keys()) - 4)).toEqual([]);
    expect(faults(viewer.frames())).toEqual([]);
    expect(viewer.refused).toBe(0);
  });

  test("a viewer without RTX gets the same bytes again", () => {
    const { repair: _, ...plain } = codec("vp8", 120);
    const world = new SimulatedStream({ layers: oneLayer });
    const { viewer, leg } = world.join(new SimulatedViewer({ codecs: [plain] }));
    const sealed: string[] = [];
    const { rtp } = viewer.sender;
    viewer.sender.rtp = (header, headerBytes, payload, index) => {
      const left = rtp(header, headerBytes, payload, index);
      if (left && header[8] === 0x20)
        sealed.push(`${index} ${Buffer.from(header.subarray(0, headerBytes)).toString("hex")} ${payload.id}`);
      return left;
    };
    world.run(1_000);
    const [index = 0] = [...viewer.video.keys()].slice(-3);
    world.stream.viewerRtcp(leg, genericNack(1, videoSsrc, [index & 0xffff]), world.now);
    expect(world.stream.counters.repeated).toBe(1);
    expect(sealed.filter((one) => one.startsWith(`${index} `)).length).toBe(2);
    expect(new Set(sealed).size).toBe(sealed.length - 1);
    expect(viewer.refused).toBe(0);
  });

  test("a packet is repeated once a round trip, and all repeats keep to a share of the viewer's rate", () => {
    const world = new SimulatedStream({ layers: oneLayer });
    const { viewer, leg } = world.join();
    world.run(3_000);
    const [index = 0] = [...viewer.video.keys()].slice(-3);
    const nack = genericNack(1, videoSsrc, [index & 0xffff]);
    for (let n = 0; n < 5; n++) world.stream.viewerRtcp(leg, nack, world.now);
    expect(viewer.repairs).toBe(1);
    expect(world.stream.counters.repeatsTooSoon).toBe(4);
    const before = world.stream.counters.repeated;
    // A storm: everything of the last second, again and again.
    world.run(5_000, () => {
      const newest = [...viewer.video.keys()].slice(-60).map((one) => one & 0xffff);
      world.stream.viewerRtcp(leg, genericNack(1, videoSsrc, newest), world.now);
    });
    const bytes = 1_016 * (world.stream.counters.repeated - before);
    expect(world.stream.counters.repeatsOverBudget).toBeGreaterThan(100);
    // Half of about 540 kbit/s for 5 s, and what may be sent at once.
    expect(bytes).toBeLessThan(0.5 * 5 * 68_000 + 70_000);
    expect(bytes).toBeGreaterThan(64_000);
    expect(viewer.refused).toBe(0);
  });

  test("a receiver that takes reordering for loss, and asks for a third of all packets, gets each of them", () => {
    const world = new SimulatedStream({ layers: oneLayer });
    const { viewer, leg } = world.join();
    world.run(3_000);
    const asked = new Set(viewer.video.keys());
    let count = 0;
    world.run(20_000, () => {
      for (const index of viewer.video.keys()) {
        if (asked.has(index)) continue;
        asked.add(index);
        if (index % 3 !== 0) continue;
        count++;
        world.stream.viewerRtcp(leg, genericNack(1, videoSsrc, [index & 0xffff]), world.now);
      }
    });
    expect(count).toBeGreaterThan(300);
    expect(world.stream.counters.repeatsOverBudget).toBe(0);
    expect(world.stream.counters.repeated).toBe(count);
  });

  test("the round trip is measured by our own sender reports", () => {
    const world = new SimulatedStream({ layers: oneLayer });
    const { viewer, leg } = world.join();
    world.run(2_000);
    const report = viewer.rtcp.findLast((packet) => packet.type === "sr" && packet.ssrc === videoSsrc);
    const lastReport =
      report?.type === "sr" ? (((report.ntpSeconds & 0xffff) << 16) | (report.ntpFraction >>> 16)) >>> 0 : 0;
    const block = { ssrc: videoSsrc, fractionLost: 0, lost: 0, highest: 0, jitter: 0, lastReport };
    // The publisher's clock is ours and 3.9e12: the time of sending is in the report.
    const ntp =
      report?.type === "sr" ? report.ntpSeconds * 1_000 + (report.ntpFraction * 1_000) / 2 ** 32 : 0;
    const sentAt = ntp - 3_900_000_000_000;
    world.stream.viewerRtcp(
      leg,
      receiverReport(1, [{ ...block, sinceLastReport: 65_536 / 2 }]),
      sentAt + 590,
    );
    expect(leg.roundTrip).toBeCloseTo(90, 0);
  });

  test("a packet that is no longer kept brings a keyframe", () => {
    const world = new SimulatedStream({ layers: oneLayer });
    const { viewer, leg } = world.join();
    world.run(12_000);
    const before = world.publisher.keyframes.get(102) ?? 0;
    const [first = 0] = viewer.video.keys();
    world.stream.viewerRtcp(leg, genericNack(1, videoSsrc, [first & 0xffff]), world.now);
    world.run(200);
    expect(world.stream.counters.repeatsMissing).toBe(1);
    expect(world.publisher.keyframes.get(102)).toBe(before + 1);
  });

  test("retransmissions have an SSRC of their own", () => {
    const random = new Random(3);
    const world = new SimulatedStream({ layers: oneLayer });
    const seen = new Set<number>();
    const viewer = new SimulatedViewer({
      loses: (packet) => {
        seen.add(ssrcOf(packet));
        return random.chance(0.1);
      },
    });
    const { leg } = world.join(viewer);
    world.run(1_000, () => askAgain(world, viewer, leg));
    expect(seen.has(videoRepair)).toBe(true);
  });
});

test("5 % loss each way and 30 ms of jitter: 98 % of frames are whole, and none is late by half a second", () => {
  const random = new Random(4);
  const world = new SimulatedStream({ layers: oneLayer });
  world.network = () => (random.chance(0.05) ? undefined : random.int(0, 3) * 10);
  const { viewer, leg } = world.join(new SimulatedViewer({ loses: () => random.chance(0.05) }));
  world.run(20_000, () => askAgain(world, viewer, leg));
  const frames = viewer.frames();
  expect(frames.length).toBeGreaterThan(0.98 * (20_000 / 30));
  let last = frames[0]?.at ?? 0;
  for (const { at } of frames) {
    expect(at - last).toBeLessThan(500);
    last = Math.max(last, at);
  }
});

test("20 % loss: video goes down to what can be repeated, and sound stays", () => {
  const random = new Random(5);
  const world = new SimulatedStream({ temporalLayers: 2 });
  let lossy = false;
  const came = { all: 0, lost: 0 };
  const { viewer, leg } = world.join(
    new SimulatedViewer({
      loses: (packet) => {
        const lost = lossy && random.chance(0.2);
        if (ssrcOf(packet) === videoSsrc) {
          came.all++;
          if (lost) came.lost++;
        }
        return lost;
      },
    }),
  );
  world.run(3_000);
  expect(leg.rid).toBe("h");
  lossy = true;
  const sounds = viewer.audio.length;
  const frames = viewer.frames().length;
  world.run(20_000, () => {
    askAgain(world, viewer, leg);
    if (world.now % 1_000 !== 0 || came.all === 0) return;
    const fractionLost = Math.floor((256 * came.lost) / came.all);
    const block = { ssrc: videoSsrc, fractionLost, lost: 0, highest: 0, jitter: 0, lastReport: 0 };
    world.stream.viewerRtcp(leg, receiverReport(1, [{ ...block, sinceLastReport: 0 }]), world.now);
    came.all = 0;
    came.lost = 0;
  });
  expect(leg.rid).toBe("l");
  expect(leg.temporal).toBe(0);
  expect(viewer.audio.length - sounds).toBeGreaterThan(0.75 * 1_000);
  // Half the frames of a layer with two temporal ones.
  expect(viewer.frames().length - frames).toBeGreaterThan(0.9 * 330);
  expect(viewer.refused).toBe(0);
});
