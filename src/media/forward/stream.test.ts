import { describe, expect, test } from "bun:test";
import { faults, SimulatedPublisher, SimulatedViewer } from "../../../test/support/simulated-media.ts";
import { oneLayer, SimulatedStream } from "../../../test/support/simulated-stream.ts";
import type { GatheredPackets } from "./ports.ts";

describe("the main path", () => {
  test("a single layer: every frame and all sound reach a viewer who was there first", () => {
    const world = new SimulatedStream({ layers: oneLayer });
    const { viewer } = world.join();
    world.run(2_000);
    expect(viewer.refused).toBe(0);
    expect(viewer.missing()).toEqual([]);
    expect(viewer.frames().length).toBe(67);
    expect(faults(viewer.frames())).toEqual([]);
    expect(viewer.audio.length).toBe(100);
    expect(viewer.audio.every(({ payloadType }) => payloadType === 100)).toBe(true);
  });

  test("simulcast: viewers begin with one layer, and go on to the best one", () => {
    const world = new SimulatedStream();
    const { viewer } = world.join();
    world.run(4_000);
    expect(faults(viewer.frames())).toEqual([]);
    expect(viewer.missing()).toEqual([]);
    expect(viewer.frames().at(-1)?.height).toBe(720);
    expect(viewer.refused).toBe(0);
  });

  test("a viewer who joins later asks for a keyframe, and gets a picture", () => {
    const world = new SimulatedStream({ layers: oneLayer });
    world.run(5_000);
    const before = world.publisher.keyframes.get(102) ?? 0;
    const { viewer } = world.join();
    world.run(1_000);
    expect(world.publisher.keyframes.get(102)).toBe(before + 1);
    expect(faults(viewer.frames())).toEqual([]);
    expect(viewer.frames().length).toBeGreaterThan(30);
  });

  test("sound and picture are told on one clock, the publisher's", () => {
    const world = new SimulatedStream({ layers: oneLayer });
    const { viewer } = world.join();
    world.run(3_000);
    const reports = viewer.rtcp.flatMap((packet) => (packet.type === "sr" ? [packet] : []));
    const audio = reports.filter(({ ssrc }) => ssrc === SimulatedViewer.ssrc.audio).at(-1);
    const video = reports.filter(({ ssrc }) => ssrc === SimulatedViewer.ssrc.video).at(-1);
    expect(audio?.ntpSeconds).toBe(video?.ntpSeconds ?? -1);
    expect(audio?.ntpFraction).toBe(video?.ntpFraction ?? -1);
    const taken =
      ((audio?.ntpSeconds ?? 0) + (audio?.ntpFraction ?? 0) / 2 ** 32) * 1_000 - 3_900_000_000_000;
    expect(Math.abs((audio?.timestamp ?? 0) - taken * 48)).toBeLessThan(3);
    const frame = viewer.frames().at(-1);
    const videoTaken = taken + ((frame?.timestamp ?? 0) - (video?.timestamp ?? 0)) / 90;
    expect(Math.abs(videoTaken - (frame?.at ?? 0))).toBeLessThan(2);
  });

  test("a picture is there at once from what is stored, at live time, and faster than it came until then", () => {
    const world = new SimulatedStream({ layers: oneLayer });
    const { viewer: first } = world.join();
    world.run(1_500);
    expect(world.publisher.keyframes.get(102)).toBe(1);
    const { viewer } = world.join();
    world.run(10);
    expect(viewer.frames().length).toBeGreaterThan(3);
    expect(viewer.bytes).toBeLessThan(45_000);
    world.run(1_500);
    const frames = viewer.frames();
    expect(faults(frames)).toEqual([]);
    expect(viewer.missing()).toEqual([]);
    expect(world.publisher.keyframes.get(102)).toBe(1);
    // All of it, and with the timestamps that the viewer who was there from the beginning has.
    expect(frames.length).toBe(first.frames().length);
    expect(frames.at(-1)?.timestamp).toBe(first.frames().at(-1)?.timestamp);
    expect(viewer.refused).toBe(0);
  });

  test("1,000 joins in 10 s: the publisher makes a keyframe each two seconds at most, and all have a picture", () => {
    const world = new SimulatedStream({ layers: oneLayer });
    world.run(3_000);
    const before = world.publisher.keyframes.get(102) ?? 0;
    const { tracks } = new SimulatedViewer();
    let joined = 0;
    /** How long each viewer waited for its first packet of video. */
    const waits: number[] = [];
    world.run(10_000, () => {
      const at = world.now;
      let waiting = true;
      const rtp = (header: Uint8Array): boolean => {
        if (waiting && header[8] === 0x20) {
          waiting = false;
          waits.push(world.now - at);
        }
        return true;
      };
      world.stream.addViewer(tracks, { buffered: 0, rtp, rtcp: () => {} }, at);
      joined++;
    });
    expect(joined).toBe(1_000);
    expect((world.publisher.keyframes.get(102) ?? 0) - before).toBeLessThanOrEqual(6);
    world.run(1_000);
    expect(waits.length).toBe(1_000);
    expect(Math.max(...waits)).toBeLessThanOrEqual(540);
    expect(waits.filter((wait) => wait <= 30).length).toBeGreaterThan(900);
  });

  test("a publisher who comes back, or another in its place: sequence, time and pictures go on from a keyframe", () => {
    const world = new SimulatedStream();
    const { viewer } = world.join();
    world.run(3_000);
    world.stream.publisherGone();
    world.run(700);
    world.publish(new SimulatedPublisher({ layers: oneLayer, firstIndex: 40_000, ntp: 10 }));
    world.run(2_000);
    expect(faults(viewer.frames())).toEqual([]);
    expect(viewer.missing()).toEqual([]);
    expect(viewer.frames().at(-1)?.height).toBe(360);
    expect(viewer.refused).toBe(0);
    const audio = viewer.audio.map(({ index }) => index);
    expect(audio).toEqual(audio.map((_, n) => (audio[0] ?? 0) + n));
    // The pause is in the timestamps: nobody goes on from where it was.
    const [last, next] = [
      viewer.audio.findLast(({ at }) => at < 3_000),
      viewer.audio.find(({ at }) => at > 3_000),
    ];
    expect(((next?.timestamp ?? 0) - (last?.timestamp ?? 0)) / 48).toBe((next?.at ?? 0) - (last?.at ?? 0));
  });

  test("the end is told by BYE, and a viewer who comes back on the same keys goes on behind what was sealed", () => {
    const world = new SimulatedStream({ layers: oneLayer });
    const { viewer, leg } = world.join();
    world.run(1_000);
    world.stream.removeViewer(leg, world.now);
    expect(viewer.rtcp.at(-1)).toEqual({
      type: "bye",
      ssrcs: [SimulatedViewer.ssrc.audio, SimulatedViewer.ssrc.video],
    });
    const sent = viewer.srtp.highest(SimulatedViewer.ssrc.video);
    world.stream.addViewer(viewer.tracks, viewer.sender, world.now);
    world.run(1_000);
    expect(viewer.refused).toBe(0);
    expect(viewer.missing()).toEqual([]);
    expect(viewer.srtp.highest(SimulatedViewer.ssrc.video)).toBeGreaterThan(sent);
    world.stream.end();
    expect(viewer.rtcp.at(-1)?.type).toBe("bye");
    expect(world.stream.viewers).toBe(0);
  });

  test("padding leaves no gap, in order or not", () => {
    const world = new SimulatedStream({ layers: oneLayer });
    const { viewer } = world.join();
    let count = 0;
    world.network = ({ index }) => (index % 7 === 0 ? 20 : 0);
    world.run(2_000, () => {
      count++;
      if (count % 4 === 0) world.publisher.padding(102, world.now);
    });
    world.run(100);
    expect(viewer.missing()).toEqual([]);
    expect(faults(viewer.frames())).toEqual([]);
    expect(viewer.frames().length).toBeGreaterThan(60);
  });

  test("without the publisher's sender reports, arrival stands for its clock after three seconds", () => {
    const world = new SimulatedStream({ layers: oneLayer });
    world.publisher.report = () => new Uint8Array(0);
    const { viewer } = world.join();
    const reports = () => viewer.rtcp.flatMap((packet) => (packet.type === "sr" ? [packet] : []));
    world.run(2_900);
    expect(reports()).toEqual([]);
    world.run(1_000);
    const [audio, video] = reports();
    expect(audio?.ntpFraction).toBe(video?.ntpFraction ?? -1);
    const frame = viewer.frames().at(-1);
    const elapsed = ((frame?.timestamp ?? 0) - (video?.timestamp ?? 0)) / 90;
    expect(Math.abs(elapsed - ((frame?.at ?? 0) - 3_000))).toBeLessThan(2);
  });
});

describe("gathered", () => {
  test("packets reach viewers when they are flushed, each viewer's together", () => {
    const gathered = new Set<GatheredPackets>();
    const gather = (packets: GatheredPackets) => void gathered.add(packets);
    const world = new SimulatedStream({ layers: oneLayer }, { gather });
    const order: number[] = [];
    for (const number of [0, 1]) {
      const viewer = new SimulatedViewer();
      const { rtp } = viewer.sender;
      viewer.sender.rtp = (...packet) => {
        order.push(number);
        return rtp(...packet);
      };
      world.join(viewer);
    }
    // The first frame is the keyframe that both begin with.
    world.run(20);
    expect(order).toEqual([]);
    const [waiting] = gathered;
    expect(waiting?.flush(world.now, 1)).toBe(false);
    expect(order.join("")).toMatch(/^0+$/);
    // Nobody gets twice what came before the round, and everybody gets what comes during it.
    world.publisher.audio(world.now);
    expect(waiting?.flush(world.now, 1)).toBe(false);
    expect(order.join("")).toMatch(/^0+1+$/);
    expect(waiting?.flush(world.now)).toBe(true);
    expect(order.join("")).toMatch(/^0+1+0$/);
    const sent = order.length;
    expect(waiting?.flush(world.now)).toBe(true);
    expect(order.length).toBe(sent);
    const [one, other] = world.viewers;
    expect(one?.refused).toBe(0);
    expect(one?.audio.length).toBeGreaterThan(1);
    expect(other?.audio).toEqual(one?.audio ?? []);
    expect(other?.video).toEqual(one?.video ?? new Map());
    for (const viewer of world.viewers) expect(viewer.frames().length).toBe(1);
  });

  test("a viewer who changes layers gets the same as without, up to the last packet of the layer before", () => {
    const [together, apart] = [true, false].map((gathers) => {
      const world = new SimulatedStream({}, {}, gathers);
      const { viewer, leg } = world.join();
      world.run(2_000);
      for (const [rid, ms] of [
        ["m", 800],
        ["l", 800],
        ["h", 14_000],
        ["l", 800],
      ] as const) {
        world.stream.prefer(leg, { rid }, world.now);
        world.run(ms);
      }
      return viewer;
    });
    expect(together?.refused).toBe(0);
    expect(together?.missing()).toEqual([]);
    expect(faults(together?.frames() ?? [])).toEqual([]);
    expect(new Set(together?.frames().map(({ height }) => height))).toEqual(new Set([180, 360, 720]));
    expect(together?.frames()).toEqual(apart?.frames() ?? []);
  });
});

test("a viewer is only ticked when it has something to do, and in time for what waits", () => {
  const world = new SimulatedStream({ layers: oneLayer });
  const { leg } = world.join();
  world.run(500);
  let due = 0;
  world.run(1_000, () => {
    if (leg.dueAt <= world.now) due++;
  });
  // Four decisions and a report.
  expect(due).toBeLessThan(15);
  const { viewer } = world.join();
  world.run(300);
  // The stored picture is sent in parts, one each 10 ms.
  expect(viewer.frames().length).toBeGreaterThan(30);
});
