import { afterEach, expect, test } from "bun:test";
import { createSwitchboard } from "../../../src/main.ts";
import { probeTurn } from "../../../src/turn/shell/probe.ts";
import { openWebSocket } from "../../conformance/wire.ts";
import { freePort } from "../../support/free-port.ts";
import { signIn } from "../../support/sign-in.ts";
import { strict, token } from "../../webrtc/support/tokens.ts";

const RealDate = Date;
afterEach(() => {
  globalThis.Date = RealDate;
});

/** Sets the system's clock, as this process sees it. Timers and the monotonic clock run on. */
function setClock(by: number): void {
  const at = RealDate.now.bind(RealDate);
  globalThis.Date = class extends RealDate {
    constructor(...args: unknown[]) {
      super(...((args.length === 0 ? [at() + by] : args) as [number]));
    }
    static override now(): number {
      return at() + by;
    }
  } as DateConstructor;
}

for (const by of [-300_000, 86_400_000])
  test(`the system's clock is set by ${by / 1_000} s: rates, pings and calls go on, tokens and TURN credentials go by it`, async () => {
    const udpPort = await freePort();
    const server = await createSwitchboard({
      ...strict,
      media: { enabled: false },
      port: 0,
      host: "127.0.0.1",
      // One connection, one call and one request at once: whoever is refused after a second has lost its time.
      limits: {
        connectsPerSecond: 10,
        connectsBurst: 3,
        callsPerMinute: 60,
        callsBurst: 1,
        pingAfter: 300,
        silence: 1_500,
      },
      turn: { udpPort, tcpPort: 0, listen: ["127.0.0.1"], publicAddresses: ["127.0.0.1"] },
      log: { level: "silent" },
    });
    const grants = { call: ["*"], watch: ["*"] };
    try {
      const caller = await signIn(server, await token("alice", grants, 30 * 86_400));
      const silent = await signIn(server, await token("bob", grants, 30 * 86_400));
      silent.answersPing = false;
      const first = await caller.ok("call", { to: "nobody", timeout: 2_000 });
      setClock(by);
      expect(await silent.closed(5_000)).toBe(4104);
      expect((await caller.push("ended", { session: first.session })).reason).toBe("no_answer");
      await caller.ok("call", { to: "nobody", timeout: 2_000 });
      for (let n = 0; n < 3; n++) {
        const wire = await openWebSocket(`${server.url.replace("http", "ws")}/ws`);
        wire.close(1_000);
        await Bun.sleep(200);
      }
      // Tokens and credentials are dated by the clock that was set.
      const later = await signIn(server, await token("carol", grants, 60));
      expect(later.welcome.expires).toBeWithin(50_000, 61_000);
      await expect(signIn(server, await token("dave", grants, -60))).rejects.toThrow("4303");
      const ice = later.welcome.iceServers.find((one: { username?: string }) => one.username !== undefined);
      expect(Number(ice.username.split(":")[0]) * 1_000).toBeGreaterThan(Date.now());
      const target = { host: "127.0.0.1", port: udpPort, transport: "udp" } as const;
      expect(
        await probeTurn({ ...target, username: ice.username, credential: ice.credential }),
      ).toMatchObject({ ok: true });
    } finally {
      await server.stop();
    }
  });
