import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { command } from "../../support/command.ts";
import { runtimesFor } from "../../support/runtimes.ts";
import { type RunningServer, startServer } from "../../support/server.ts";
import { signIn } from "../../support/sign-in.ts";

/** What `npm start` runs: development mode, no port given, and SIP over TCP, which has a port of its own. */
const untold = { host: undefined, port: undefined, turn: undefined, sip: { tcp: { enabled: true } } };

for (const runtime of runtimesFor("second-server"))
  describe(`in development mode, on ${runtime}`, () => {
    let [first, second]: RunningServer[] = [];

    beforeAll(async () => {
      first = await startServer({ runtime, config: untold });
      second = await startServer({ runtime, config: untold });
    });

    afterAll(async () => {
      await Promise.all([first?.stop(), second?.stop()]);
    });

    const both = (): RunningServer[] => [first, second].filter((one) => one !== undefined);
    const log = (server: RunningServer | undefined): string => server?.logs.join("\n") ?? "";

    test("a second server starts beside the first, and says which ports it has instead", () => {
      expect(second?.port).not.toBe(first?.port);
      // Servers of other tests come and go meanwhile: a port may have been taken for the first, and free again for the second.
      const said = both().map(log).join("\n");
      expect(said).toMatch(/"port 8080 is taken: using port \d+/);
      expect(said).toMatch(/turn\.udpPort 3478 or turn\.tcpPort 3478 is taken: using turn\.udpPort \d+/);
      expect(said).toMatch(/sip\.tcp\.port 5060 is taken: using sip\.tcp\.port \d+/);
      expect(log(second)).toContain(`"url":"http://127.0.0.1:${second?.port}"`);
    });

    test("both serve, and relay", async () => {
      const told = new Set<string>();
      for (const server of both()) {
        const end = Date.now() + 10_000;
        let turn = "testing";
        while (turn === "testing" && Date.now() < end) {
          await Bun.sleep(20);
          const ready = await fetch(`${server.url}/health/ready`);
          turn = ((await ready.json()) as { turn: { state: string } }).turn.state;
        }
        expect(turn).toBe("ok");
        const { welcome } = await signIn(server, "dev:alice");
        for (const url of welcome.iceServers?.flatMap(({ urls }: { urls: string[] }) => urls) ?? [])
          told.add(url);
      }
      expect([...told].filter((url) => url.startsWith("turn:") && url.includes("udp"))).toHaveLength(2);
    });

    test("a port that is given is meant: where it is taken, one line says so", async () => {
      const { port } = first as RunningServer;
      const wanted = command(["serve", "--dev", "--port", String(port)], {}, runtime);
      expect([wanted.code, wanted.err.trim().split("\n")]).toEqual([
        2,
        [
          `switchboard: setting port: ${port} is in use by another program; choose another with --port or PORT`,
        ],
      ]);
      const { welcome } = await signIn(first as RunningServer, "dev:alice");
      const [, udp = ""] = /turn:127\.0\.0\.1:(\d+)\?transport=udp/.exec(JSON.stringify(welcome)) ?? [];
      const env = { SWITCHBOARD_TURN_UDP_PORT: udp };
      const { code, err, out } = command(["serve", "--dev", "--port", "0"], env, runtime);
      expect([code, err.trim().split("\n")]).toEqual([
        2,
        [expect.stringContaining(`setting turn.udpPort: ${udp} is in use by another program`)],
      ]);
      expect(out).not.toContain("Switchboard is at");
    });
  });
