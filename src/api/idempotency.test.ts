import { expect, test } from "bun:test";
import { Idempotency, type IdempotencyLine, keptFor } from "./idempotency.ts";

const done = { status: 200, body: { n: 1 } } as const;

function kept(): { lines: IdempotencyLine[]; idempotency: Idempotency } {
  const lines: IdempotencyLine[] = [];
  return { lines, idempotency: new Idempotency((line) => lines.push(line)) };
}

test("a repeat gets the first answer, another request under the key is refused, and a day later the key is free", () => {
  const { idempotency } = kept();
  expect(idempotency.begin("k", "a", 0)).toBeUndefined();
  expect(idempotency.begin("k", "a", 1)).toMatchObject({ status: 409 });
  idempotency.finish("k", done, false);
  expect(idempotency.begin("k", "a", 2)).toEqual(done);
  expect(idempotency.begin("k", "b", 2)).toMatchObject({ status: 422 });
  expect(idempotency.begin("k", "b", keptFor)).toBeUndefined();
});

test("an answer that shows a secret, or is large, is not kept, and yet is not executed again", () => {
  const { idempotency, lines } = kept();
  idempotency.begin("k", "a", 0);
  idempotency.finish("k", { status: 201, body: { key: "sbk_secret" } }, true);
  idempotency.begin("l", "a", 0);
  idempotency.finish("l", { status: 200, body: "x".repeat(30_000) }, false);
  for (const key of ["k", "l"]) expect(idempotency.begin(key, "a", 1)).toMatchObject({ status: 409 });
  expect(JSON.stringify(lines)).not.toContain("sbk_secret");
});

test("after a restart an answer is still there, and a request that was cut short is refused", () => {
  const before = kept();
  before.idempotency.begin("done", "a", 0);
  before.idempotency.finish("done", done, false);
  before.idempotency.begin("cut", "a", 0);
  before.idempotency.begin("old", "a", -keptFor);
  const after = kept().idempotency;
  after.restore(before.lines, 1);
  expect(after.begin("done", "a", 1)).toEqual(done);
  expect(after.begin("cut", "a", 1)).toMatchObject({ status: 409 });
  expect(after.begin("old", "b", 1)).toBeUndefined();
});

test("a request that was refused for now may come again, also after a restart", () => {
  const before = kept();
  before.idempotency.begin("k", "a", 0);
  before.idempotency.forget("k");
  const after = kept().idempotency;
  after.restore(before.lines, 1);
  for (const one of [before.idempotency, after]) expect(one.begin("k", "a", 1)).toBeUndefined();
});

test("what is kept is bounded: the oldest go first", () => {
  const { idempotency } = kept();
  for (let i = 0; i < 12_000; i++) {
    idempotency.begin(`k${i}`, "a", i);
    idempotency.finish(`k${i}`, done, false);
  }
  expect(idempotency.size).toBe(10_000);
  expect(idempotency.begin("k11999", "a", 12_000)).toEqual(done);
  expect(idempotency.begin("k0", "a", 12_000)).toBeUndefined();
});
