import { expect, test } from "bun:test";
import { dispose, Emitter } from "./emitter.ts";
import { SwitchboardError } from "./error.ts";

class Thing extends Emitter<{ word: string; item: string }> {
  readonly items = new Set<string>();
  readonly heard: string[] = [];

  say(word: string): void {
    this.emit("word", word);
  }

  add(item: string): void {
    this.items.add(item);
    this.emit("item", item);
    this.changed();
  }

  end(): void {
    this.finish({ reason: "closed" });
  }

  async [dispose](): Promise<void> {
    this.end();
  }

  protected override present(type: string): Iterable<unknown> {
    return type === "item" ? this.items : [];
  }

  protected override listened(type: string): void {
    this.heard.push(type);
  }
}

test("listeners are told until they leave: by hand, by signal, once", () => {
  const thing = new Thing();
  const told: string[] = [];
  const abort = new AbortController();
  const off = thing.on("word", (word) => told.push(`a ${word}`));
  thing.on("word", (word) => told.push(`b ${word}`), { signal: abort.signal });
  thing.on("word", (word) => told.push(`c ${word}`), { once: true });
  thing.on("word", (word) => told.push(`d ${word}`), { signal: AbortSignal.abort() });
  thing.say("one");
  off();
  abort.abort();
  thing.say("two");
  expect(told).toEqual(["a one", "b one", "c one"]);
  expect(thing.heard.length).toBe(4);
});

test("late listeners hear of what is still there, and of nothing that is gone by then", async () => {
  const thing = new Thing();
  thing.add("x");
  thing.add("y");
  const told: string[] = [];
  thing.on("item", (item) => told.push(item));
  thing.items.delete("y");
  await Promise.resolve();
  expect(told).toEqual(["x"]);
  expect(await thing.next("item")).toBe("x");
});

test("each change counts", () => {
  const thing = new Thing();
  let changes = 0;
  thing.on("change", () => changes++);
  thing.add("x");
  thing.end();
  expect([changes, thing.revision]).toEqual([2, 2]);
});

test("next: the event, the signal's reason, or closed", async () => {
  const thing = new Thing();
  const word = thing.next("word");
  thing.say("hello");
  expect(await word).toBe("hello");
  const abort = new AbortController();
  const never = thing.next("word", { signal: abort.signal });
  abort.abort("enough");
  await expect(never).rejects.toBe("enough");
  const last = thing.next("word");
  thing.end();
  await expect(last).rejects.toMatchObject({ code: "closed" });
  await expect(thing.next("word")).rejects.toBeInstanceOf(SwitchboardError);
});

test("a listener that throws is reported and disturbs nobody", () => {
  const thing = new Thing();
  const reported: unknown[] = [];
  const before = globalThis.reportError;
  globalThis.reportError = (error) => reported.push(error);
  try {
    let told = 0;
    thing.on("word", () => {
      throw new Error("mine");
    });
    thing.on("word", () => told++);
    thing.say("x");
    expect([told, reported.length]).toEqual([1, 1]);
  } finally {
    globalThis.reportError = before;
  }
});
