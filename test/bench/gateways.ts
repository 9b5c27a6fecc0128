import { freePort } from "../support/free-port.ts";
import { many, startOurs } from "./bench-process.ts";
import { type BenchTimes, type Figures, measured } from "./scenarios.ts";

const limits = {
  ...{ connections: 200_000, requestsPerSecond: many, requestsBurst: many },
  ...{ bytesPerSecond: many * 100, bytesBurst: many * 100 },
};

/** Calls of clients of PeerJS to native devices over MQTT, 100 a second: OFFER to ANSWER, the callee answering at once. */
export async function setupThroughGateways(times: BenchTimes): Promise<Figures> {
  const port = await freePort();
  const server = await startOurs({
    ...{ dev: true, turn: { embedded: false } },
    peerjs: { limits: { ...limits, aliveTimeout: 3_600_000 } },
    mqtt: { tcp: { enabled: true, port }, limits },
  });
  const job = { server: "gateway", scenario: "setup-gateways", devices: 400, rate: 100 } as const;
  try {
    return await measured({ ...job, ...times, ports: [server.port, port] }, [server]);
  } finally {
    await server.stop();
  }
}

/** Relay A at our server, with every gateway on and idle, or all of them off. */
export async function relayBesideGateways(on: boolean, times: BenchTimes): Promise<Figures> {
  const listener = async () => ({ enabled: on, port: on ? await freePort() : 0 });
  const server = await startOurs({
    sip: { enabled: on, tcp: await listener() },
    mqtt: { enabled: on, tcp: await listener() },
    peerjs: { enabled: on },
    xmpp: { enabled: on },
  });
  const job = { server: "switchboard", scenario: "relay", devices: 1_000, inFlight: 1 } as const;
  try {
    return await measured({ ...job, ...times, ports: [server.port] }, [server]);
  } finally {
    await server.stop();
  }
}
