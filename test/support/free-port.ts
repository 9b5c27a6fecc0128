import { createSocket } from "node:dgram";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";

/** Below those that systems give to outgoing connections, which would take one between two runs of a server. */
const [first, last] = [11_000, 20_999];
/** Holds a file for each port that was given, with the id of the process that has it. */
const folder = fileURLToPath(new URL("../../.cache/ports/", import.meta.url));
const given = new Set<number>();

/**
 * The first of `count` ports in a row that nobody has, neither for TCP nor for UDP. The same is not given twice, and no other process
 * of the tests gets it while this one lives: a server may be stopped and started again at its port.
 */
export async function freePort(count = 1): Promise<number> {
  for (;;) {
    const port = first + Math.floor(Math.random() * (last - first - count + 2));
    const row = Array.from({ length: count }, (_, n) => port + n);
    if (!row.every(claim)) continue;
    const free = await Promise.all(row.flatMap((one) => [isFreeForTcp(one), isFreeForUdp(one)]));
    if (!free.includes(false)) return port;
  }
}

function claim(port: number): boolean {
  if (given.has(port)) return false;
  const file = `${folder}${port}`;
  try {
    mkdirSync(folder, { recursive: true });
    if (!lives(file)) rmSync(file, { force: true });
    writeFileSync(file, String(process.pid), { flag: "wx" });
  } catch {
    return false;
  }
  given.add(port);
  return true;
}

/** Whether the process lives whose id is in the file. False where there is none. */
function lives(file: string): boolean {
  try {
    const id = Number(readFileSync(file, "utf8"));
    // It is being written.
    return id === 0 || process.kill(id, 0);
  } catch {
    return false;
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
