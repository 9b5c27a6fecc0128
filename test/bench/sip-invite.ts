import { fileURLToPath } from "node:url";
import { freePort } from "../support/free-port.ts";
import { type BenchServer, many, startOurs, startProgram } from "./bench-process.ts";
import type { Job } from "./generator.ts";
import { type BenchTimes, type Figures, measured } from "./scenarios.ts";
import { benchSecret } from "./switchboard-device.ts";

export const sipServers = ["switchboard", "sip"] as const;

/**
 * Calls by SIP over TCP, of so many callers one at a time each. Switchboard is asked by registered phones, and rings, connects and
 * ends a second leg for each; `sip` answers by itself and knows nobody, which is the least that a SIP server in JavaScript does.
 */
export async function sipInvite(name: (typeof sipServers)[number], times: BenchTimes): Promise<Figures> {
  const port = await freePort();
  const server = await start(name, port);
  const job: Job = { server: name, ports: [port], scenario: "sip-invite", devices: 100, ...times };
  try {
    return await measured(job, [server]);
  } finally {
    await server.stop();
  }
}

function start(name: (typeof sipServers)[number], port: number): Promise<BenchServer> {
  if (name === "sip") {
    const uas = fileURLToPath(new URL("sip-uas.cjs", import.meta.url));
    return startProgram("sip", "node", [uas, String(port)], port);
  }
  const limits = { requestsPerSecond: many, requestsBurst: many, transactions: 1_000_000 };
  const sip = { tcp: { enabled: true, host: "127.0.0.1", port }, limits };
  return startOurs({ turn: { embedded: false }, credentials: { key: benchSecret }, sip });
}
