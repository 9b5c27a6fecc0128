import { expect, test } from "bun:test";
import type { StoredRecording } from "../media/recordings/store.ts";
import { Survey } from "../signaling/survey.ts";
import { RecordingsSurvey } from "./recordings-survey.ts";

/** Nodes that ask each other; `away` answers nothing. */
function cluster(...names: readonly string[]): Record<string, RecordingsSurvey> {
  const surveys = new Map<string, Survey>();
  const made: Record<string, RecordingsSurvey> = {};
  for (const node of names) {
    const survey: Survey = new Survey({
      node,
      fault: () => {},
      peers: {
        names: () => [...names, "away"].filter((name) => name !== node),
        ask: (other, name, argument, _, done) => {
          const there = surveys.get(other);
          if (there === undefined) done(undefined);
          else there.heard(name, JSON.parse(JSON.stringify(argument)), done);
        },
      },
    });
    surveys.set(node, survey);
    made[node] = new RecordingsSurvey(survey);
  }
  return made;
}

const recording = (id: string, started: number) =>
  ({
    id,
    started,
    seconds: 5,
    bytes: 9,
    container: "mp4",
    stream: "show",
    path: "/secret",
  }) as StoredRecording;

test("a node names the recordings of the others, oldest first, and the nodes that don't answer", async () => {
  const { a, b, c } = cluster("a", "b", "c");
  if (a === undefined || b === undefined || c === undefined) throw new Error("no nodes");
  const asked: unknown[] = [];
  a.list = async () => [recording("own", 0)];
  b.list = async (...those) => {
    asked.push(those);
    return [recording("later", 2_000)];
  };
  // One that has no media server has none.
  const listed = await a.elsewhere("show", 0, Number.MAX_SAFE_INTEGER);
  expect(asked).toEqual([["show", 0, Number.MAX_SAFE_INTEGER]]);
  const facts = { seconds: 5, bytes: 9, container: "mp4" } as const;
  expect(listed).toEqual({
    recordings: [{ node: "b", id: "later", started: 2_000, ...facts }],
    partial: ["away"],
  });
  c.list = async () => Array.from({ length: 2_500 }, (_, n) => recording(`${n}`, n));
  const many = (await a.elsewhere("show", 0, 1)).recordings;
  expect(many).toHaveLength(2_001);
  expect(many[0]).toMatchObject({ node: "c", started: 500 });
});
