import { expect, test } from "bun:test";
import type { Socket } from "node:net";
import { StreamWriter } from "./stream-writer.ts";

function socket() {
  const written: string[] = [];
  const fake = {
    writable: true,
    writableLength: 0,
    write: (bytes: Uint8Array) => written.push(Buffer.from(bytes).toString()),
  };
  return { written, fake, writer: new StreamWriter(fake as unknown as Socket) };
}
const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

test("what is written in one turn goes out in one piece, in order, and counts as unsent until then", async () => {
  const [one, other] = [socket(), socket()];
  for (const text of ["a", "b", "c"]) {
    one.writer.write(Buffer.from(text));
    other.writer.write(Buffer.from(text.toUpperCase()));
  }
  expect([one.written, one.writer.buffered]).toEqual([[], 3]);
  await nextTurn();
  expect([one.written, other.written, one.writer.buffered]).toEqual([["abc"], ["ABC"], 0]);
  one.writer.write(Buffer.from("d"));
  one.writer.flush();
  await nextTurn();
  expect(one.written).toEqual(["abc", "d"]);
});

test("much goes out at once, and to a socket that is closed nothing does", async () => {
  const { written, writer, fake } = socket();
  writer.write(Buffer.alloc(70_000, "x"));
  expect(written[0]?.length).toBe(70_000);
  writer.write(Buffer.from("late"));
  fake.writable = false;
  await nextTurn();
  writer.write(Buffer.from("later"));
  await nextTurn();
  expect([written.length, writer.buffered]).toEqual([1, 0]);
});
