import { expect, test } from "bun:test";
import { readBody } from "./read-body.ts";

function request(body: BodyInit, type = "application/json"): Request {
  const init = { method: "POST", body, headers: { "Content-Type": type }, duplex: "half" };
  return new Request("http://localhost/", init as RequestInit);
}

/** Sends a byte now and then, and never ends. */
function dripping(every: number): {
  readonly body: ReadableStream<Uint8Array>;
  readonly cancelled: Promise<void>;
} {
  let told = (): void => {};
  const cancelled = new Promise<void>((resolve) => {
    told = resolve;
  });
  let timer: ReturnType<typeof setInterval> | undefined;
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => {
      timer = setInterval(() => controller.enqueue(new Uint8Array([32])), every);
    },
    cancel: () => {
      clearInterval(timer);
      told();
    },
  });
  return { body, cancelled };
}

test("a body that drips is 408 once its time is over, and is read no further", async () => {
  for (const every of [5, 10_000]) {
    const { body, cancelled } = dripping(every);
    const result = await readBody(request(body), "application/json", 60);
    expect(result).toMatchObject({
      ok: false,
      error: { status: 408, detail: "The body took more than 0.06 s." },
    });
    await cancelled;
  }
});

test("what is too large, of another type or cut short has its own status", async () => {
  expect(await readBody(request("{}"), "application/json")).toEqual({ ok: true, value: "{}" });
  expect(await readBody(request("é"), "application/json")).toEqual({ ok: true, value: "é" });
  expect(await readBody(request("{}", "text/plain"), "application/json")).toMatchObject({
    error: { status: 415 },
  });
  expect(await readBody(request("x".repeat(65_537)), "application/json")).toMatchObject({
    error: { status: 413 },
  });
  const broken = new ReadableStream({ start: (controller) => controller.error(new Error("gone")) });
  expect(await readBody(request(broken), "application/json")).toMatchObject({ error: { status: 400 } });
});
