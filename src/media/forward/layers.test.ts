import { describe, expect, test } from "bun:test";
import {
  faults,
  SimulatedPublisher,
  SimulatedViewer,
  threeLayers,
} from "../../../test/support/simulated-media.ts";
import { oneLayer, SimulatedStream } from "../../../test/support/simulated-stream.ts";
import { maximumBitrate, receiverReport } from "../../wire/rtp/rtcp-writer.ts";
import type { Viewer } from "./viewer.ts";

const ssrc = SimulatedViewer.ssrc.video;

function reportLoss(world: SimulatedStream, leg: Viewer, share: number): void {
  const fractionLost = Math.floor(256 * share);
  const block = { ssrc, fractionLost, lost: 0, highest: 0, jitter: 0, lastReport: 0, sinceLastReport: 0 };
  world.stream.viewerRtcp(leg, receiverReport(1, [block]), world.now);
}

function remb(world: SimulatedStream, leg: Viewer, bitrate: number): void {
  world.stream.viewerRtcp(leg, maximumBitrate(1, bitrate, [ssrc]), world.now);
}

/** Heights in the order in which they were seen, each once. */
function heights(viewer: SimulatedViewer): number[] {
  const seen: number[] = [];
  for (const { height } of viewer.frames()) if (seen.at(-1) !== height) seen.push(height);
  return seen;
}

function sound(viewer: SimulatedViewer): void {
  expect(faults(viewer.frames())).toEqual([]);
  expect(viewer.missing()).toEqual([]);
  expect(viewer.refused).toBe(0);
}

describe("the layer of a viewer", () => {
  test("goes down where the estimate stays far below it, and up after five seconds above", () => {
    const world = new SimulatedStream();
    const { viewer, leg } = world.join();
    world.run(3_000);
    expect(leg.rid).toBe("h");
    // A receiver of all of it may well guess a little less.
    world.run(4_000, () => remb(world, leg, 1_100_000));
    expect(leg.rid).toBe("h");
    world.run(1_500, () => remb(world, leg, 700_000));
    expect(leg.rid).toBe("h");
    world.run(1_100, () => remb(world, leg, 700_000));
    expect(leg.rid).toBe("m");
    world.run(2_600, () => remb(world, leg, 200_000));
    expect(leg.rid).toBe("l");
    // Below what the next layer takes, and more than a receiver of this one could guess: the network's limit.
    world.run(8_000, () => remb(world, leg, 400_000));
    expect(leg.rid).toBe("l");
    world.run(4_000, () => remb(world, leg, 5_000_000));
    expect(leg.rid).toBe("l");
    world.run(1_700, () => remb(world, leg, 5_000_000));
    expect(leg.rid).toBe("m");
    world.run(6_000, () => remb(world, leg, 5_000_000));
    expect(leg.rid).toBe("h");
    sound(viewer);
  });

  test("goes down for loss above 8 %, and waits longer after each step up that failed", () => {
    const world = new SimulatedStream();
    const { viewer, leg } = world.join();
    world.run(3_000);
    for (let n = 0; n < 4; n++) {
      reportLoss(world, leg, 0.2);
      world.run(1_600);
    }
    expect(leg.rid).toBe("l");
    const ups: number[] = [];
    let before = leg.rid;
    world.run(60_000, () => {
      if (leg.rid === "m" && before === "l") ups.push(world.now);
      before = leg.rid;
      if (world.now % 1_000 === 0) reportLoss(world, leg, leg.rid === "l" ? 0 : 0.2);
    });
    expect(ups.length).toBe(3);
    const [first = 0, second = 0, third = 0] = ups;
    expect(third - second).toBeGreaterThan(1.5 * (second - first));
    sound(viewer);
  });

  test("keeps to what the viewer wishes, by rid, height or rate, until it takes the wish back", () => {
    const world = new SimulatedStream();
    const { viewer, leg } = world.join();
    world.run(3_000);
    for (const [wish, rid] of [
      [{ rid: "l" }, "l"],
      [{ height: 400 }, "m"],
      [{ bitrate: 200_000 }, "l"],
      [{ rid: "unknown" }, "h"],
    ] as const) {
      world.stream.prefer(leg, wish, world.now);
      world.run(rid === "h" ? 12_000 : 6_000);
      expect(leg.rid).toBe(rid);
    }
    sound(viewer);
  });

  test("changes to another one when its publisher switches it off", () => {
    const world = new SimulatedStream();
    const { viewer, leg } = world.join();
    world.run(3_000);
    expect(leg.rid).toBe("h");
    world.publisher.off.add("h");
    world.run(2_500);
    expect(leg.rid).toBe("m");
    sound(viewer);
  });

  test("is aligned by sender reports: no shift of time over any number of changes", () => {
    const world = new SimulatedStream();
    const { viewer, leg } = world.join();
    world.run(2_000);
    const [reference] = viewer.frames();
    for (const rid of ["l", "h", "m", "h", "l"]) {
      world.stream.prefer(leg, { rid }, world.now);
      world.run(6_000);
    }
    expect(heights(viewer).length).toBeGreaterThan(4);
    for (const frame of viewer.frames())
      expect(
        Math.abs((frame.timestamp - (reference?.timestamp ?? 0)) / 90 - (frame.at - (reference?.at ?? 0))),
      ).toBeLessThan(2);
    sound(viewer);
  });

  test("is told", () => {
    const told: string[] = [];
    const world = new SimulatedStream({}, { layerChanged: (viewer, rid) => told.push(`${viewer} ${rid}`) });
    world.join();
    world.run(3_000);
    expect(told.at(-1)).toBe("1 h");
  });

  test("layers are reported with what they are", () => {
    const world = new SimulatedStream();
    world.run(3_000);
    const [low, , high] = world.stream.layers();
    expect(low).toMatchObject({ rid: "l", width: 180, height: 180, lost: 0 });
    expect(high?.bitrate).toBeGreaterThan(1_500_000);
    expect(Math.abs((high?.framesPerSecond ?? 0) - 33.3)).toBeLessThan(2);
  });
});

describe("temporal layers", () => {
  test("are dropped before the next smaller layer is taken, with no gap in sequence or picture ids", () => {
    const world = new SimulatedStream({ temporalLayers: 3, layers: threeLayers.slice(0, 2) });
    const { viewer, leg } = world.join();
    world.run(3_000);
    const whole = leg.bitrate;
    world.stream.prefer(leg, { bitrate: 0.8 * whole }, world.now);
    world.run(3_000);
    expect(leg.rid).toBe("m");
    expect(leg.temporal).toBe(1);
    const before = viewer.frames().length;
    world.run(2_000);
    const temporals = new Set(
      viewer
        .frames()
        .slice(before)
        .map(({ temporal }) => temporal),
    );
    expect([...temporals].sort()).toEqual([0, 1]);
    world.stream.prefer(leg, {}, world.now);
    world.run(12_000);
    expect(viewer.frames().at(-1)?.height).toBe(360);
    expect(
      new Set(
        viewer
          .frames()
          .slice(-20)
          .map(({ temporal }) => temporal),
      ).size,
    ).toBe(3);
    sound(viewer);
  });

  test("one layer alone gives up its upper temporal layers under loss, and gets them back without a keyframe", () => {
    const world = new SimulatedStream({ temporalLayers: 2, layers: oneLayer });
    const { viewer, leg } = world.join();
    world.run(3_000);
    reportLoss(world, leg, 0.2);
    world.run(1_000);
    expect(leg.temporal).toBe(0);
    world.run(7_000, () => {
      if (world.now % 1_000 === 0) reportLoss(world, leg, 0);
    });
    expect(
      viewer
        .frames()
        .slice(-10)
        .some(({ temporal }) => temporal === 1),
    ).toBe(true);
    expect(viewer.frames().filter(({ key }) => key).length).toBe(1);
    sound(viewer);
  });
});

describe("too much to do", () => {
  test("the newest lose upper layers first, then video; sound goes on, and all comes back", () => {
    const world = new SimulatedStream();
    const joined = Array.from({ length: 4 }, () => world.join());
    world.run(3_000);
    expect(joined.map(({ leg }) => leg.rid)).toEqual(["h", "h", "h", "h"]);
    world.stream.shed(0.25, world.now);
    world.run(1_000);
    expect(joined.map(({ leg }) => leg.rid)).toEqual(["h", "h", "l", "l"]);
    world.stream.shed(0.75, world.now);
    world.run(1_000);
    const counts = () => joined.map(({ viewer }) => viewer.frames().length);
    const [before, sounds] = [counts(), joined.map(({ viewer }) => viewer.audio.length)];
    world.run(1_000);
    const grown = counts().map((count, n) => count > (before[n] ?? 0));
    expect(grown).toEqual([true, true, false, false]);
    for (const [n, { viewer }] of joined.entries()) expect(viewer.audio.length).toBe((sounds[n] ?? 0) + 50);
    world.stream.shed(0, world.now);
    world.run(20_000);
    expect(joined.map(({ leg }) => leg.rid)).toEqual(["h", "h", "h", "h"]);
    for (const { viewer } of joined) sound(viewer);
  });

  test("a viewer that never reads its connection loses video until it does, and nobody else anything", () => {
    const world = new SimulatedStream();
    const { viewer } = world.join();
    const { viewer: other } = world.join();
    world.run(3_000);
    const keyframes = world.publisher.keyframes.get(103) ?? 0;
    viewer.sender.buffered = 1_000_000;
    world.run(100);
    const before = viewer.frames().length;
    world.run(3_000);
    expect(viewer.frames().length).toBe(before);
    expect(viewer.audio.at(-1)?.at).toBeLessThan(3_020);
    expect(world.stream.counters.stalled).toBe(1);
    expect(world.publisher.keyframes.get(103)).toBe(keyframes);
    viewer.sender.buffered = 0;
    world.run(1_000);
    expect(viewer.frames().length).toBeGreaterThan(before + 20);
    expect(viewer.frames()[before]?.key).toBe(true);
    sound(viewer);
    sound(other);
    expect(other.frames().length).toBeGreaterThan(200);
  });
});

test("a layer that goes on under another SSRC brings a keyframe, and no gap", () => {
  const world = new SimulatedStream({ layers: oneLayer });
  const { viewer } = world.join();
  world.run(2_000);
  const again = new SimulatedPublisher({ layers: oneLayer.map((layer) => ({ ...layer, ssrc: 555 })) });
  again.deliver = world.publisher.deliver;
  world.publisher = again;
  world.run(2_000);
  expect(viewer.frames().length).toBeGreaterThan(120);
  sound(viewer);
});
