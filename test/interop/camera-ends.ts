import { LibpeerCamera } from "../mqtt/support/libpeer-camera.ts";
import { PiWebrtcCamera } from "../mqtt/support/pi-webrtc-camera.ts";
import type { Wishes } from "./client.ts";
import type { End } from "./end.ts";

const never = (): Promise<never> => Promise.reject(new Error("a camera has no person who could"));

/** A libpeer-style camera: it answers by itself, calls by its doorbell, and has a loudspeaker but no screen. */
export async function libpeerEnd(
  tlsPort: number,
  { user, device = "cam", color, tone }: Wishes,
): Promise<End> {
  const name = `${user}/${device}`;
  const url = `mqtts://localhost:${tlsPort}/${name}`;
  const start = () => LibpeerCamera.start({ url, username: name, password: `dev:${user}`, color, tone });
  let camera = await start();
  /** Where the events of its last call begin. */
  let from = 0;
  let heard = { events: 0, at: 0 };
  return {
    user,
    sends: { color, tone },
    state: async () => {
      const asked = camera.events.findLastIndex(
        ({ event, method }) => event === "invoke" && method === "offer",
      );
      from = Math.max(from, asked);
      const states = camera.events
        .slice(from)
        .flatMap(({ event, state }) => (event === "state" ? [state] : []));
      const over = states.at(-1) === "closed" || states.at(-1) === "failed";
      return {
        rings: camera.invoked.filter((method) => method === "offer").length,
        alerting: false,
        connected: states.includes("completed"),
        ended: over ? String(states.at(-1)) : undefined,
        errors: camera.overrun === undefined ? [] : [`overrun: ${camera.overrun}`],
      };
    },
    content: async () => {
      const events = camera.events.filter(({ event }) => event === "heard").length;
      if (events !== heard.events) heard = { events, at: performance.now() };
      // It tells what it heard once a second.
      const quiet = performance.now() - heard.at > 3_000;
      return { color: "none", tone: quiet ? 0 : Number(camera.hears), frames: 0 };
    },
    ufrags: async () => ["", ""],
    call: async (to) => {
      from = camera.events.length;
      camera.publish("doorbell", to);
    },
    answer: async () => {},
    decline: never,
    hangup: async () => camera.hangUp(),
    hold: never,
    restartIce: never,
    revive: async () => {
      if (!camera.events.some(({ event }) => event === "disconnected")) return false;
      // The device connects once, and is started again by whoever uses it.
      camera.stop();
      camera = await start();
      from = 0;
      return true;
    },
    about: async () => JSON.stringify(camera.events.slice(-20)),
    close: async () => camera.stop(),
  };
}

/** A pi-webrtc-style camera: it answers by itself, calls by its doorbell, and has a loudspeaker but no screen. */
export async function piWebrtcEnd(
  mqttPort: number,
  { user, device = "cam", color, tone }: Wishes,
): Promise<End> {
  const username = `${user}/${device}`;
  const url = `mqtt://127.0.0.1:${mqttPort}`;
  const login = { uid: device, username, password: `dev:${user}` };
  const camera = await PiWebrtcCamera.start({ url, ...login, color, tone });
  /** Calls before the one that it makes. */
  let before = 0;
  return {
    user,
    sends: { color, tone },
    state: async () => {
      const now = camera.calls > before ? camera.state : "new";
      return {
        rings: camera.calls,
        alerting: false,
        connected: now === "connected",
        ended: now === "closed" || now === "failed" || now === "disconnected" ? now : undefined,
        errors: camera.crash === undefined ? [] : [`a message ends it: ${camera.crash}`],
      };
    },
    content: async () => ({ color: "none", tone: camera.hears(), frames: 0 }),
    ufrags: async () => camera.ufrags,
    call: async (to) => {
      before = camera.calls;
      camera.publish("doorbell", to);
    },
    answer: async () => {},
    decline: never,
    hangup: async () => camera.hangUp(),
    hold: never,
    restartIce: never,
    about: async () => `${camera.state} ${camera.log.slice(-20).join(", ")}`,
    close: () => camera.stop(),
  };
}
