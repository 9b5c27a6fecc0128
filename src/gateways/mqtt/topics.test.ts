import { expect, test } from "bun:test";
import { escapeId, isTopicFilter, isTopicName, matches, parseTopic, treeOf, unescapeId } from "./topics.ts";

test("ids that MQTT has another meaning for are escaped, and come back", () => {
  for (const id of ["alice", "a+b", "50%", "c#", "%2B", "ålice@example.org", "a.b>c$"]) {
    expect(escapeId(id)).not.toMatch(/[+#]/);
    expect(unescapeId(escapeId(id))).toBe(id);
  }
  for (const level of ["", "a%2Fb", "%", "%E0%A4%A", "a b", "x".repeat(129)])
    expect(unescapeId(level)).toBeUndefined();
  const device = { user: "a+b", device: "c#" };
  expect(parseTopic(`${treeOf(device)}/out`)).toEqual({ ...device, tree: "sb/1/d/a%2Bb/c%23", rest: "out" });
  for (const topic of ["sb/1/d/a/b", "sb/1/d/a", "sb/2/d/a/b/out", "/sb/1/d/a/b/out", "sb/1/d//b/out"])
    expect(parseTopic(topic)).toBeUndefined();
});

test("filters match as MQTT 5.0 §4.7 says", () => {
  const cases: [string, string, boolean][] = [
    ["a/b", "a/b", true],
    ["a/+", "a/b", true],
    ["a/+", "a/b/c", false],
    ["a/#", "a/b/c", true],
    ["a/#", "a", true],
    ["a/b/#", "a", false],
    ["a/+/c", "a//c", true],
    ["a/+", "a", false],
    ["a/b", "a/b/c", false],
  ];
  for (const [filter, topic, is] of cases)
    expect({ filter, topic, is: matches(filter, topic) }).toEqual({ filter, topic, is });
  for (const filter of ["", "a/#/b", "a+", "a/b#", "#a", "a\u0000"])
    expect(isTopicFilter(filter)).toBe(false);
  for (const filter of ["#", "+", "a/+/#", "/"]) expect(isTopicFilter(filter)).toBe(true);
  for (const topic of ["", "a/+", "#", "a\u0000b", "x".repeat(513)]) expect(isTopicName(topic)).toBe(false);
});
