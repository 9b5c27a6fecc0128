import { expect, test } from "bun:test";
import fc from "fast-check";
import { Random } from "../../../test/fuzz/random.ts";
import {
  codec,
  faults,
  SimulatedPublisher,
  SimulatedViewer,
  threeLayers,
} from "../../../test/support/simulated-media.ts";
import { oneLayer, SimulatedStream } from "../../../test/support/simulated-stream.ts";
import { genericNack, maximumBitrate, pictureLoss, receiverReport } from "../../wire/rtp/rtcp-writer.ts";
import type { Viewer } from "./viewer.ts";

const numRuns = Number(process.env.MODEL_RUNS ?? 40);
const { video: ssrc, audio: audioSsrc } = SimulatedViewer.ssrc;

/** Keeps what each viewer's transport was given: the bytes of each SSRC and index, and of each payload's number. */
class Ledger {
  readonly #packets = new Map<string, string>();
  readonly #payloads = new Map<number, string>();
  readonly broken: string[] = [];

  #viewers = 0;

  watch(viewer: SimulatedViewer): SimulatedViewer {
    this.#viewers++;
    const number = this.#viewers;
    const { rtp } = viewer.sender;
    viewer.sender.rtp = (header, headerBytes, payload, index) => {
      const clear = Buffer.from(header.subarray(0, headerBytes)).toString("latin1");
      const body = Buffer.from(payload.bytes.subarray(payload.at, payload.at + payload.length)).toString(
        "latin1",
      );
      const key = `${number} ${Buffer.from(header.subarray(8, 12)).toString("hex")} ${index}`;
      const before = this.#packets.get(key);
      if (before !== undefined && before !== clear + body) this.broken.push(`two packets under ${key}`);
      this.#packets.set(key, clear + body);
      const same = this.#payloads.get(payload.id);
      if (same !== undefined && same !== body)
        this.broken.push(`two payloads under the number ${payload.id}`);
      this.#payloads.set(payload.id, body);
      return rtp(header, headerBytes, payload, index);
    };
    return viewer;
  }
}

const { repair: _, ...withoutRepair } = codec("vp8", 120);

const step = fc.oneof(
  fc.record({ do: fc.constant("run" as const), ms: fc.integer({ min: 1, max: 80 }) }),
  fc.record({ do: fc.constant("run" as const), ms: fc.integer({ min: 1, max: 80 }) }),
  fc.record({ do: fc.constant("join" as const), repair: fc.boolean(), near: fc.boolean() }),
  fc.record({ do: fc.constant("rejoin" as const), viewer: fc.nat(3) }),
  fc.record({ do: fc.constant("leave" as const), viewer: fc.nat(3) }),
  fc.record({
    do: fc.constant("prefer" as const),
    viewer: fc.nat(3),
    rid: fc.constantFrom("l", "m", "h", undefined),
    temporal: fc.constantFrom(0, 1, undefined),
  }),
  fc.record({ do: fc.constant("nack" as const), viewer: fc.nat(3), back: fc.nat(600), audio: fc.boolean() }),
  fc.record({ do: fc.constant("pli" as const), viewer: fc.nat(3) }),
  fc.record({ do: fc.constant("loss" as const), viewer: fc.nat(3), share: fc.integer({ min: 0, max: 255 }) }),
  fc.record({ do: fc.constant("remb" as const), viewer: fc.nat(3), bitrate: fc.nat(4_000_000) }),
  fc.record({ do: fc.constant("stall" as const), viewer: fc.nat(3), bytes: fc.constantFrom(0, 0, 300_000) }),
  fc.record({ do: fc.constant("shed" as const), level: fc.constantFrom(0, 0.3, 0.6, 1) }),
  fc.record({ do: fc.constant("off" as const), rid: fc.constantFrom("l", "m", "h"), off: fc.boolean() }),
  fc.record({
    do: fc.constant("publish" as const),
    simulcast: fc.boolean(),
    firstIndex: fc.constantFrom(0, 65_400, 3),
  }),
  fc.record({ do: fc.constant("gone" as const) }),
  fc.record({ do: fc.constant("padding" as const) }),
);

/** Lives through the steps; answers the viewers and what their transports were given. */
function live(
  steps: readonly (typeof step extends fc.Arbitrary<infer T> ? T : never)[],
  network: (random: Random) => number | undefined,
  gathers: boolean,
) {
  const random = new Random(7);
  const world = new SimulatedStream({ temporalLayers: 3, firstIndex: 65_300 }, {}, gathers);
  world.network = () => network(random);
  const ledger = new Ledger();
  const legs: { viewer: SimulatedViewer; leg: Viewer; in: boolean; again: boolean }[] = [];
  const join = (repair: boolean, firstIndex?: number): void => {
    if (legs.length >= 4) return;
    const viewer = new SimulatedViewer({
      codecs: [repair ? codec("vp8", 120) : withoutRepair],
      audioCodecs: [codec("opus", 100, { nack: true })],
      ...(firstIndex === undefined ? {} : { firstIndex }),
    });
    legs.push({ ...world.join(ledger.watch(viewer)), in: true, again: false });
  };
  join(true, 65_300);
  for (const one of steps) {
    const leg = "viewer" in one ? legs[one.viewer % legs.length] : undefined;
    switch (one.do) {
      case "run":
        world.run(10 * one.ms);
        break;
      case "join":
        join(one.repair, one.near ? 65_300 : undefined);
        break;
      case "gone":
        world.stream.publisherGone();
        break;
      case "padding":
        world.publisher.padding(102, world.now);
        break;
      case "shed":
        world.stream.shed(one.level, world.now);
        break;
      case "off":
        if (one.off) world.publisher.off.add(one.rid);
        else world.publisher.off.delete(one.rid);
        break;
      case "publish":
        world.publish(
          new SimulatedPublisher({
            ...{ layers: one.simulcast ? threeLayers : oneLayer, temporalLayers: 2, ntp: world.now * 7 },
            firstIndex: one.firstIndex,
          }),
        );
        break;
      default:
        if (leg === undefined) break;
        if (one.do === "rejoin" || one.do === "leave") {
          if (leg.in) world.stream.removeViewer(leg.leg, world.now);
          leg.in = one.do === "rejoin";
          leg.again ||= leg.in;
          if (leg.in) leg.leg = world.stream.addViewer(leg.viewer.tracks, leg.viewer.sender, world.now);
        } else if (one.do === "stall") leg.viewer.sender.buffered = one.bytes;
        else if (!leg.in) break;
        else if (one.do === "prefer") {
          const { rid, temporal } = one;
          world.stream.prefer(leg.leg, { rid, temporal }, world.now);
        } else if (one.do === "nack") {
          const media = one.audio ? audioSsrc : ssrc;
          const first = leg.viewer.srtp.highest(media) - one.back;
          const lost = Array.from({ length: 20 }, (_, n) => (first + n) & 0xffff);
          world.stream.viewerRtcp(leg.leg, genericNack(1, media, lost), world.now);
        } else if (one.do === "pli") world.stream.viewerRtcp(leg.leg, pictureLoss(1, ssrc), world.now);
        else if (one.do === "remb")
          world.stream.viewerRtcp(leg.leg, maximumBitrate(1, one.bitrate, [ssrc]), world.now);
        else {
          const block = { ssrc, fractionLost: one.share, lost: 0, highest: 0, jitter: 0, lastReport: 0 };
          world.stream.viewerRtcp(leg.leg, receiverReport(1, [{ ...block, sinceLastReport: 0 }]), world.now);
        }
    }
  }
  return { legs, ledger, world };
}

test("whatever happens, no SSRC and index is given to a transport with two contents, and what viewers get is whole", () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 5, maxLength: 40 }), fc.boolean(), (steps, gathers) => {
      // Packets come out of order by up to 90 ms, but they come.
      const { legs, ledger } = live(steps, (random) => random.int(0, 3) * 30, gathers);
      expect(ledger.broken).toEqual([]);
      for (const { viewer, again } of legs) {
        expect(viewer.refused).toBe(0);
        expect(viewer.missing()).toEqual([]);
        // Who was removed and comes back is a new viewer to the stream: only indexes go on.
        if (!again) expect(faults(viewer.frames())).toEqual([]);
      }
    }),
    { numRuns },
  );
}, 120_000);

test("the same where packets of the publisher are lost: what is repeated late is repeated right", () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 5, maxLength: 40 }), fc.boolean(), (steps, gathers) => {
      const network = (random: Random) => (random.chance(0.15) ? undefined : random.int(0, 12) * 20);
      const { legs, ledger } = live(steps, network, gathers);
      expect(ledger.broken).toEqual([]);
      for (const { viewer } of legs) expect(viewer.refused).toBe(0);
    }),
    { numRuns },
  );
}, 120_000);
