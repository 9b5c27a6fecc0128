import { describe, expect, test } from "bun:test";
import {
  faults,
  type PublisherOptions,
  SimulatedPublisher,
  SimulatedViewer,
  threeLayers,
} from "../../../test/support/simulated-media.ts";
import type { ForwardOptions } from "./ports.ts";
import { Stream } from "./stream.ts";

/** A stream with a publisher, 30 frames and 50 packets of sound a second. */
class World {
  readonly stream: Stream;
  publisher: SimulatedPublisher;
  readonly viewers: SimulatedViewer[] = [];
  now = 0;

  constructor(publisher: PublisherOptions = {}, options: Partial<ForwardOptions> = {}) {
    this.stream = new Stream(options);
    this.publisher = new SimulatedPublisher(publisher);
    this.publish(this.publisher);
  }

  publish(publisher: SimulatedPublisher): void {
    this.publisher = publisher;
    publisher.deliver = (packet, now) => this.stream.publisherRtp(packet, now);
    this.stream.setPublisher(publisher.tracks, publisher.sender, this.now);
  }

  join(viewer = new SimulatedViewer()) {
    this.viewers.push(viewer);
    viewer.now = this.now;
    return { viewer, leg: this.stream.addViewer(viewer.tracks, viewer.sender, this.now) };
  }

  /** Lets time pass. `each`: at every 10 ms. */
  run(ms: number, each?: () => void): void {
    for (const end = this.now + ms; this.now < end; this.now += 10) {
      for (const viewer of this.viewers) viewer.now = this.now;
      if (this.now % 1_000 === 0) this.stream.publisherRtcp(this.publisher.report(this.now), this.now);
      if (this.now % 30 === 0) this.publisher.frame(this.now);
      if (this.now % 20 === 0) this.publisher.audio(this.now);
      each?.();
      this.stream.tick(this.now);
    }
  }
}

const oneLayer = threeLayers.slice(1, 2);

describe("the main path", () => {
  test("a single layer: every frame and all sound reach a viewer who was there first", () => {
    const world = new World({ layers: oneLayer });
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
    const world = new World();
    const { viewer } = world.join();
    world.run(4_000);
    expect(faults(viewer.frames())).toEqual([]);
    expect(viewer.missing()).toEqual([]);
    expect(viewer.frames().at(-1)?.height).toBe(720);
    expect(viewer.refused).toBe(0);
  });

  test("a viewer who joins later asks for a keyframe, and gets a picture", () => {
    const world = new World({ layers: oneLayer });
    world.run(5_000);
    const before = world.publisher.keyframes.get(102) ?? 0;
    const { viewer } = world.join();
    world.run(1_000);
    expect(world.publisher.keyframes.get(102)).toBe(before + 1);
    expect(faults(viewer.frames())).toEqual([]);
    expect(viewer.frames().length).toBeGreaterThan(30);
  });

  test("sound and picture are told on one clock, the publisher's", () => {
    const world = new World({ layers: oneLayer });
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
});
