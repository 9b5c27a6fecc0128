import type { Browser } from "playwright-core";
import { launch } from "../browser/support/browser.ts";
import { startBuiltServer } from "../browser/support/built-server.ts";
import { hasMosquitto, Mosquitto } from "../mqtt/support/mosquitto.ts";
import type { RunningServer } from "../support/server.ts";
import { eventually } from "./end.ts";

/** What the clients of a run have in common. */
export interface Rig {
  readonly server: RunningServer;
  readonly chromium: Browser;
  /** The broker that the server has joined; undefined where Mosquitto is not there. */
  readonly mosquitto: Mosquitto | undefined;
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
};

/** Starts the server, a broker that it joins, and a browser. */
export async function startRig(): Promise<Rig> {
  const mosquitto = hasMosquitto ? await Mosquitto.start() : undefined;
  const bridge = mosquitto === undefined ? {} : { bridge: { url: mosquitto.url, trustTopics: true } };
  const server = await startBuiltServer({ ...settings, mqtt: bridge });
  if (mosquitto !== undefined)
    await eventually("the server to join the broker", async () =>
      server.logs.some((line) => line.includes("MQTT broker joined")),
    );
  const chromium = await launch("fake");
  return {
    server,
    chromium,
    mosquitto,
    stop: async () => {
      await chromium.close();
      await server.stop();
      await mosquitto?.stop();
    },
  };
}
