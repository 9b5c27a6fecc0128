// How long an event takes to its receiver at 800 events a second, alone and beside an endpoint that is dead with 100,000 waiting. Run by
// `npm run bench -- --only webhooks`. The receiver is a process of its own.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { startSqliteStore } from "../../src/records/store/sqlite-store.ts";
import type { OutboxEntry, Write } from "../../src/records/store.ts";
import { outboundConnections, outboundSender } from "../../src/server/outbound.ts";
import { Webhooks } from "../../src/webhooks/webhooks.ts";
import { endWithUs } from "../support/end-with-us.ts";
import { Histogram } from "./histogram.ts";

const quick = process.argv.includes("--quick");
const [rate, warmUp, seconds, waiting] = quick ? [800, 1, 2, 2_000] : [800, 3, 15, 100_000];
const deadUrl = "http://127.0.0.1:9/";
const key = new Uint8Array(24).fill(3);

if (process.argv.includes("receiver")) receive();
else await measure();

/** Answers at once, and prints how long each event took, ms, to a client of `/times`. */
function receive(): void {
  let times: number[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: async (request) => {
      if (request.method === "GET") {
        const told = times;
        times = [];
        return Response.json(told);
      }
      const { data } = (await request.json()) as { data: { node: string } };
      times.push(performance.timeOrigin + performance.now() - Number(data.node));
      return new Response(null, { status: 204 });
    },
  });
  console.log(server.url.href);
}

async function measure(): Promise<void> {
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url), "receiver"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  endWithUs(child);
  const url = await new Promise<string>((resolve) =>
    createInterface({ input: child.stdout }).once("line", resolve),
  );
  for (const beside of [false, true]) {
    const times = await run(url, beside);
    const at = (share: number): string => times.percentile(share).toFixed(2);
    const name = beside ? `beside a dead endpoint with ${waiting} waiting` : "alone";
    console.log(`${name}: ${times.count} events, p50 ${at(0.5)} ms, p99 ${at(0.99)} ms`);
  }
  child.kill();
}

async function run(url: string, beside: boolean): Promise<Histogram> {
  const folder = mkdtempSync(join(tmpdir(), "switchboard-bench-"));
  const store = await startSqliteStore(join(folder, "store.sqlite"), { lost: () => {}, damaged: () => {} });
  const webhooks = new Webhooks({
    ...{ store, sender: outboundSender([], true), connections: outboundConnections },
    ...{ jitter: Math.random, told: () => {} },
  });
  const endpoint = (to: string) => ({ url: to, keys: () => [key], events: undefined });
  if (beside)
    for (let n = 0; n < waiting; n += 1_000)
      await store.write(
        ...Array.from({ length: 1_000 }, (_, i): Write => ({ write: "outbox", entry: entry(n + i) })),
      );
  await webhooks.use(beside ? [endpoint(url), endpoint(deadUrl)] : [endpoint(url)]);
  const began = performance.now();
  for (let n = 0; n < (warmUp + seconds) * rate; n++) {
    const wait = began + (n * 1_000) / rate - performance.now();
    if (wait > 0) await Bun.sleep(wait);
    // Until then times are of no interest.
    if (n === warmUp * rate) await (await fetch(url)).json();
    const at = performance.timeOrigin + performance.now();
    webhooks.tell({
      id: `e_${n}`,
      type: "node.up",
      at: Math.floor(at),
      lane: `lane ${n % 500}`,
      data: { node: String(at) },
    });
  }
  await Bun.sleep(2_000);
  const times = new Histogram();
  for (const time of (await (await fetch(url)).json()) as number[]) times.record(time);
  await webhooks.stop(0);
  await store.stop();
  rmSync(folder, { recursive: true, force: true });
  return times;
}

function entry(n: number): OutboxEntry {
  const body = JSON.stringify({
    type: "node.up",
    timestamp: new Date(0).toISOString(),
    data: { node: "x".repeat(200) },
  });
  return {
    ...{ id: `w_${n}`, endpoint: deadUrl, lane: `waits ${n}`, type: "node.up", body, createdAt: 0 },
    ...{ attempts: 0, dueAt: 0 },
  };
}
