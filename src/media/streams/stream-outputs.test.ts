import { expect, test } from "bun:test";
import type { ToPackager } from "../packaging.ts";
import { StreamOutputs } from "./stream-outputs.ts";

test("the packager takes a stream while viewers take a smaller size of it, and makes those that they take", () => {
  const posted: ToPackager[] = [];
  let renditions: readonly number[] = [];
  const outputs = new StreamOutputs({
    source: () => ({ from: "worker", tracks: [], publisher: "first" }),
    records: () => false,
    ladder: () => [720, 360],
    renditions: () => renditions,
    post: (message) => void posted.push(message),
  });
  const changed = (heights: readonly number[]): void => {
    renditions = heights;
    outputs.changed("lobby");
  };
  changed([]);
  expect(posted).toEqual([]);
  changed([360]);
  changed([360]);
  const take = {
    type: "take",
    take: 1,
    stream: "lobby",
    hls: false,
    ladder: [720, 360],
    record: false,
  } as const;
  const from = { from: "worker", tracks: [], publisher: "first" };
  expect(posted.splice(0)).toEqual([{ ...take, renditions: [360], ...from }]);
  changed([720, 360]);
  // By HLS and by WebRTC it is one take, and so one encoder.
  expect(outputs.wantHls("lobby", true)).toBe(1);
  expect(posted.splice(0)).toEqual([
    { ...take, renditions: [720, 360], ...from },
    { ...take, hls: true, renditions: [720, 360], ...from },
  ]);
  changed([]);
  expect(posted.splice(0)).toEqual([{ ...take, hls: true, renditions: [], ...from }]);
  outputs.wantHls("lobby", false);
  expect(posted.splice(0)).toEqual([{ type: "leave", take: 1 }]);
  changed([360]);
  // A packager that died takes it anew.
  expect(outputs.lost().names).toEqual(["lobby"]);
  outputs.changed("lobby");
  expect(posted.map((message) => message.type === "take" && message.take)).toEqual([2, 3]);
});
