import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { type BenchServer, startGenerator, startOurs } from "./bench-process.ts";
import type { Job } from "./generator.ts";
import { type BenchTimes, type Figures, measured } from "./scenarios.ts";

/** The loads of relay A and B. */
const loads = { a: { devices: 1_000, inFlight: 1 }, b: { devices: 200, inFlight: 8 } } as const;
const secret = `whsec_${Buffer.alloc(24, 3).toString("base64")}`;
/** Devices that are connected while all are listed, once in so many ms. */
const [listed, listEvery] = [10_000, 1_000];

/** Relay A or B at our server, with records, ladders and an endpoint of webhooks, or without. */
export async function relayBesideRecords(
  load: keyof typeof loads,
  on: boolean,
  times: BenchTimes,
): Promise<Figures> {
  const receiver = createServer((request, response) => {
    request.resume();
    request.on("end", () => response.writeHead(204).end());
  });
  await new Promise<void>((resolve) => receiver.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`;
  const server = await startOurs((folder) => ({
    records: { enabled: on },
    store: { path: join(folder, "store.sqlite") },
    ...(on && { webhooks: [{ url, secret }], webhookAllow: ["127.0.0.1"] }),
  }));
  const job = { server: "switchboard", scenario: "relay", ...loads[load] } as const;
  try {
    return await measured({ ...job, ...times, ports: [server.port] }, [server]);
  } finally {
    await server.stop();
    receiver.closeAllConnections();
    receiver.close();
  }
}

/** Relay A beside idle devices, 10,000 in all, while the API lists all of them once a second, or nobody asks. */
export async function relayWhileListed(isListed: boolean, times: BenchTimes): Promise<Figures> {
  const server = await startOurs({ dev: true, page: false });
  const relayed = { server: "switchboard", scenario: "relay", ...loads.a, ports: [server.port] } as const;
  const idle: Job = {
    ...relayed,
    ...times,
    scenario: "idle",
    devices: listed - loads.a.devices,
    name: "idle",
  };
  let connected: () => void = () => {};
  const ready = new Promise<void>((resolve) => {
    connected = resolve;
  });
  const holder = startGenerator(idle, connected);
  const listings = { count: 0, devices: 0, seconds: 0 };
  let isOver = false;
  try {
    await Promise.race([ready, holder.done]);
    holder.done.catch(() => undefined);
    const listing = isListed ? listAgain(server, listings, () => isOver) : undefined;
    const figures = await measured({ ...relayed, ...times }, [server]);
    isOver = true;
    await listing;
    const { count, devices, seconds } = listings;
    return { ...figures, ...(count > 0 && { listed: devices / count, listing: (1_000 * seconds) / count }) };
  } finally {
    isOver = true;
    holder.child.kill("SIGKILL");
    await server.stop();
  }
}

/** Reads all pages of the list of devices, again and again. */
async function listAgain(
  { port }: BenchServer,
  listings: { count: number; devices: number; seconds: number },
  isOver: () => boolean,
): Promise<void> {
  while (!isOver()) {
    const began = performance.now();
    let cursor = "";
    do {
      const query = cursor === "" ? "" : `&cursor=${encodeURIComponent(cursor)}`;
      const response = await fetch(`http://127.0.0.1:${port}/api/v1/devices?limit=1000${query}`, {
        headers: { authorization: "Bearer dev:admin" },
      });
      if (!response.ok) throw new Error(`the list of devices: ${response.status} ${await response.text()}`);
      const page = (await response.json()) as { items: unknown[]; next?: string };
      listings.devices += page.items.length;
      cursor = page.next ?? "";
    } while (cursor !== "");
    const took = performance.now() - began;
    listings.seconds += took / 1_000;
    listings.count += 1;
    await Bun.sleep(Math.max(0, listEvery - took));
  }
}
