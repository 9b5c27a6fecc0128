import { createSocket } from "node:dgram";
import { createServer } from "node:net";

/** Below those that systems give to outgoing connections, which would take one between two runs of a server. */
const [first, last] = [11_000, 20_999];
const given = new Set<number>();

/** The first of `count` ports in a row that nobody has, neither for TCP nor for UDP. The same is not given twice. */
export async function freePort(count = 1): Promise<number> {
  for (;;) {
    const port = first + Math.floor(Math.random() * (last - first - count + 2));
    const row = Array.from({ length: count }, (_, n) => port + n);
    if (row.some((one) => given.has(one))) continue;
    const free = await Promise.all(row.flatMap((one) => [isFreeForTcp(one), isFreeForUdp(one)]));
    if (free.includes(false)) continue;
    for (const one of row) given.add(one);
    return port;
  }
}

function isFreeForTcp(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen({ port, host: "0.0.0.0", exclusive: true }, () => probe.close(() => resolve(true)));
  });
}

function isFreeForUdp(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createSocket("udp4");
    probe.once("error", () => {
      probe.close();
      resolve(false);
    });
    probe.bind(port, "0.0.0.0", () => probe.close(() => resolve(true)));
  });
}
