import { Baresip } from "../sip/support/baresip.ts";
import type { PulseAudio } from "../support/pulse-audio.ts";
import type { Wishes } from "./client.ts";
import type { End } from "./end.ts";

/** baresip, unmodified: a desk phone over TCP, with sound alone. */
export async function baresipEnd(
  pulse: PulseAudio | undefined,
  sipPort: number,
  { user, tone }: Wishes,
): Promise<End> {
  if (pulse === undefined) throw new Error("baresip has no sound without PulseAudio");
  const speaker = await pulse.speaker(user);
  const { server } = pulse;
  const options = { answers: "manual", tone, lasts: 60, speaker: { server, name: user } } as const;
  let phone = await Baresip.start(sipPort, user, options);
  /** Where the events of the last call or ring begin. */
  let from = 0;
  const count = (name: string) => phone.events.filter((one) => one === name).length;
  return {
    user,
    sends: { color: undefined, tone },
    state: async () => {
      from = Math.max(from, phone.events.lastIndexOf("CALL_INCOMING"));
      const now = phone.events.slice(from);
      return {
        rings: count("CALL_INCOMING"),
        alerting: now.includes("CALL_RINGING"),
        connected: now.includes("CALL_ESTABLISHED"),
        ended: now.includes("CALL_CLOSED") ? (phone.closed ?? "") : undefined,
        errors: [],
      };
    },
    content: async () => ({ color: "none", tone: speaker.tone(), frames: 0 }),
    ufrags: async () => [phone.ufrag("sent"), phone.ufrag("heard")],
    call: async (to) => {
      from = phone.events.length;
      phone.call(to);
    },
    answer: async () => phone.accept(),
    decline: async () => phone.decline(),
    hangup: async () => phone.hangup(),
    hold: async (on) => phone.hold(on),
    restartIce: () => Promise.reject(new Error("baresip restarts ICE by itself alone")),
    revive: async (during) => {
      // It registers again by itself. But it goes on ringing for the call that is gone, and would answer that one.
      if (during === "a call") return false;
      await phone.stop();
      phone = await Baresip.start(sipPort, user, options);
      from = 0;
      return true;
    },
    about: async () => phone.log.split("\n").slice(-30).join("\n").slice(-2_000),
    close: async () => {
      await phone.stop();
      speaker.close();
    },
  };
}
