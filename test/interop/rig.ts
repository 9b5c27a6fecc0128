import type { Browser } from "playwright-core";
import { launch } from "../browser/support/browser.ts";
import { startBuiltServer } from "../browser/support/built-server.ts";
import { launchFirefox } from "../browser/support/firefox.ts";
import { hasMosquitto, Mosquitto } from "../mqtt/support/mosquitto.ts";
import { tlsFront } from "../mqtt/support/tls-front.ts";
import { freePort } from "../support/free-port.ts";
import { hasPulseAudio, PulseAudio } from "../support/pulse-audio.ts";
import type { RunningServer } from "../support/server.ts";
import { eventually } from "./end.ts";

/** What the clients of a run have in common. */
export interface Rig {
  readonly server: RunningServer;
  readonly chromium: Browser;
  /** Starts Firefox where it does not run yet. It makes sound, and plays it, by PulseAudio. */
  firefox(): Promise<Browser>;
  /** Of the server: SIP over TCP, MQTT over TCP, and MQTT over TLS. */
  readonly ports: { readonly sip: number; readonly mqtt: number; readonly mqttTls: number };
  /** Where programs play; undefined where PulseAudio is not there. */
  readonly pulse: PulseAudio | undefined;
  /** The broker that the server has joined; undefined where Mosquitto is not there. */
  readonly mosquitto: Mosquitto | undefined;
  /** Kills the server, does something meanwhile, and starts it again at the same ports. */
  crash(meanwhile?: () => Promise<unknown>): Promise<void>;
  stop(): Promise<void>;
}

const many = 1_000_000;

/** Settings of the server of a run: all load comes from one address, and each user calls without a pause. */
const settings = {
  limits: {
    callsPerMinute: many,
    callsBurst: many,
    connectsPerSecond: many,
    connectsBurst: many,
    linksPerAddress: many,
  },
  // Links and sessions are found again by another run of the server.
  ticketKey: "a ticket key that both runs have",
};

/** Starts the server, a broker that it joins, and a browser. */
export async function startRig(): Promise<Rig> {
  const mosquitto = hasMosquitto ? await Mosquitto.start() : undefined;
  const bridge = mosquitto === undefined ? {} : { bridge: { url: mosquitto.url, trustTopics: true } };
  const ports = { http: await freePort(), sip: await freePort(), mqtt: await freePort() };
  const config = {
    ...settings,
    port: ports.http,
    sip: { tcp: { enabled: true, port: ports.sip } },
    mqtt: { ...bridge, tcp: { enabled: true, port: ports.mqtt }, limits: { cameraPoll: 1_000 } },
    peerjs: { limits: { followTimeout: 5_000 } },
  };
  let server = await startBuiltServer(config);
  const front = await tlsFront(ports.mqtt);
  if (mosquitto !== undefined)
    await eventually("the server to join the broker", async () =>
      server.logs.some((line) => line.includes("MQTT broker joined")),
    );
  const chromium = await launch("fake");
  const pulse = hasPulseAudio ? await PulseAudio.start() : undefined;
  let firefox: Promise<Browser> | undefined;
  return {
    get server() {
      return server;
    },
    chromium,
    firefox: async () => {
      firefox ??= (async () => {
        await pulse?.speaker("firefox");
        return await launchFirefox(pulse?.env);
      })();
      return await firefox;
    },
    ports: { ...ports, mqttTls: front.port },
    pulse,
    mosquitto,
    crash: async (meanwhile = async () => {}) => {
      await server.kill();
      try {
        await meanwhile();
      } finally {
        server = await startBuiltServer(config);
      }
    },
    stop: async () => {
      await chromium.close();
      await (await firefox?.catch(() => undefined))?.close();
      pulse?.stop();
      front.close();
      await server.stop();
      await mosquitto?.stop();
    },
  };
}
