import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import type { TurnServer } from "../../src/turn/server.ts";
import { findRuntime } from "../support/runtimes.ts";
import { run } from "./support/coturn.ts";
import { credential, startTestTurn } from "./support/turn.ts";

const python = "/usr/bin/python3";
const hasAioice = spawnSync(python, ["-c", "import aioice"]).status === 0;
const node = findRuntime("node");
const has = (name: string): boolean => {
  try {
    createRequire(import.meta.url).resolve(name);
    return true;
  } catch {
    return false;
  }
};
const path = (name: string): string => fileURLToPath(new URL(`support/${name}`, import.meta.url));

/** Real ICE agents that may use nothing but relays, as the defaults of the server are: no peer on loopback is open. */
describe("ICE agents, relay only", () => {
  let turn: TurnServer;
  beforeAll(async () => {
    // Relays have an address that is no agent's: its permission lets no agent's own socket in, by which libjuice would find a
    // direct path in spite of its setting.
    turn = await startTestTurn({
      unsafeLoopback: false,
      relayAddresses: ["127.0.0.2"],
    });
  });
  afterAll(() => turn.stop());
  const port = (transport: "udp" | "tcp"): string => String(turn.ports[transport]);
  /** Both agents' data went through the relays, by the short way, and nothing else did. */
  const relayed = async (messages: number, wanted: string, talk: () => Promise<string>): Promise<void> => {
    const before = turn.stats();
    expect(await talk()).toContain(wanted);
    const after = turn.stats();
    expect(after.hairpinMessages - before.hairpinMessages).toBeGreaterThanOrEqual(messages);
    expect(after.toPeerMessages).toBe(after.hairpinMessages);
  };

  for (const transport of ["udp", "tcp"] as const) {
    test.skipIf(!hasAioice)(
      `aioice over ${transport}`,
      async () => {
        const { username, credential: password } = credential("aioice");
        const flags = [path("aioice-pair.py"), "127.0.0.1", port(transport), transport, username, password];
        await relayed(40, "delivered ['relay']", () => run(python, flags));
      },
      30_000,
    );

    test.skipIf(node === undefined || !has("@roamhq/wrtc"))(
      `libwebrtc (@roamhq/wrtc) over ${transport}`,
      async () => {
        const { username, credential: password } = credential("wrtc");
        const flags = [
          path("wrtc-pair.mjs"),
          `turn:127.0.0.1:${port(transport)}?transport=${transport}`,
          username,
          password,
        ];
        await relayed(20, "delivered relay", () => run(node ?? "", flags));
      },
      30_000,
    );
  }

  test.skipIf(node === undefined || !has("node-datachannel"))(
    "libjuice (node-datachannel), which uses SHA-256",
    async () => {
      const { username, credential: password } = credential("juice");
      const flags = [path("juice-pair.mjs"), "127.0.0.1", port("udp"), username, password];
      // Now and then libdatachannel stops within itself when a ClientHello comes just as it starts DTLS: ICE is connected at both
      // ends then, through the relays, and it never says another word. Only that has another chance; the pair tells its states.
      const stalled = /^timeout( connecting\/(connected|completed)){2} /;
      await relayed(20, "delivered relay", async () => {
        let said = await run(node ?? "", flags);
        for (let more = 4; more > 0 && stalled.test(said); more--) said = await run(node ?? "", flags);
        return said;
      });
    },
    60_000,
  );
});
