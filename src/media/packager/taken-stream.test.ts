import { expect, test } from "bun:test";
import { keyframePayloads, slicePayloads } from "../../../test/support/h264-pictures.ts";
import { PackagedPublisher } from "../../../test/support/packaged-publisher.ts";
import type { FromPackager } from "../packaging.ts";
import { TakenStream } from "./taken-stream.ts";

type Part = Extract<FromPackager, { type: "part" }>;

/** A stream that is made into HLS, and its parts. */
function packaged() {
  const told: FromPackager[] = [];
  const stream = new TakenStream(1, false, (message) => told.push(message));
  stream.hls = true;
  const of = (rendition: string): Part[] =>
    told.filter((one): one is Part => one.type === "part" && one.rendition === rendition);
  return { stream, of };
}

const endOf = (part: Part | undefined): number => (part?.start ?? 0) + (part?.duration ?? 0);

test("sound begins with the first picture, though the picture takes longer to come", () => {
  const { stream, of } = packaged();
  const publisher = new PackagedPublisher(stream);
  const sound = (frames: number): void => {
    for (let n = 0; n < frames; n++) {
      publisher.sound();
      publisher.pass(20);
    }
  };
  sound(20);
  const [taken, [sets = new Uint8Array(), ...slices]] = [publisher.now, keyframePayloads()];
  publisher.packet("video", (taken * 90) >>> 0, 96, false, sets);
  sound(10);
  for (const [at, slice] of slices.entries())
    publisher.packet("video", (taken * 90) >>> 0, 96, at === slices.length - 1, slice);
  publisher.send(3);
  const [picture, heard] = [of("v0")[0]?.start ?? 0, of("a0")[0]?.start ?? 0];
  expect(heard).toBeGreaterThanOrEqual(picture);
  expect(heard).toBeLessThan(picture + 0.02);
});

test("sound that ends before the publisher's last picture goes on as silence, so that there is no hole before the next publisher", () => {
  const { stream, of } = packaged();
  const publisher = new PackagedPublisher(stream);
  publisher.send(3);
  for (let n = 0; n < 10; n++) {
    publisher.picture(n === 0 ? keyframePayloads() : slicePayloads());
    publisher.pass(40);
  }
  const next = new PackagedPublisher(stream);
  const [picture, sound] = [of("v0").at(-1), of("a0").at(-1)];
  expect(endOf(sound)).toBeGreaterThanOrEqual(endOf(picture));
  expect(endOf(sound)).toBeLessThan(endOf(picture) + 0.02);
  next.now = publisher.now + 1_000;
  next.send(3);
  for (const name of ["v0", "a0"])
    expect(of(name).filter(({ discontinuity }) => discontinuity).length).toBe(1);
});
