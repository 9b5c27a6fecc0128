import { afterAll, describe, expect, test } from "bun:test";
import { type ChildProcess, spawnSync } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { NatNetwork } from "./support/nat-network.ts";
import { credential, secret } from "./support/turn.ts";

const python = "/usr/bin/python3";
const hasAioice = spawnSync(python, ["-c", "import aioice"]).status === 0;
const path = (name: string): string => fileURLToPath(new URL(`support/${name}`, import.meta.url));

/** Lines of JSON that a program writes. */
class Lines {
  readonly #lines: AsyncIterator<string>;

  constructor(process: ChildProcess) {
    if (process.stdout === null) throw new Error("no output");
    this.#lines = createInterface({ input: process.stdout })[Symbol.asyncIterator]();
  }

  async next(): Promise<Record<string, unknown>> {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error("it ended without a word");
    return JSON.parse(value);
  }
}

/** Undefined where namespaces aren't allowed, or aioice is missing: both tests are skipped then. */
const network = hasAioice ? NatNetwork.make() : undefined;

describe.skipIf(network === undefined)("two hosts behind symmetric NATs", () => {
  afterAll(() => network?.remove());

  /** Starts the server in the open, lets both hosts try, and tells what came of it. */
  const attempt = async (mode: "stun" | "turn") => {
    if (network === undefined) throw new Error("there is no network");
    const options = {
      listen: [NatNetwork.openAddress],
      secrets: [secret],
      udpPort: 3478,
      tcpPort: "off",
    };
    const server = network.start("open", process.execPath, [path("serve.ts"), JSON.stringify(options)]);
    const serverLines = new Lines(server);
    expect(await serverLines.next()).toMatchObject({ selfTest: { ok: true } });
    const { username, credential: password } = credential("nat");
    const flags = [mode, NatNetwork.openAddress, "3478", username, password];
    const agents = (["left", "right"] as const).map((host, index) =>
      network.start(host, python, [path("aioice-agent.py"), index === 0 ? "caller" : "callee", ...flags]),
    );
    const [left, right] = agents.map((agent) => new Lines(agent)) as [Lines, Lines];
    const [one, other] = await Promise.all([left.next(), right.next()]);
    agents[0]?.stdin?.write(`${JSON.stringify(other)}\n`);
    agents[1]?.stdin?.write(`${JSON.stringify(one)}\n`);
    const results = await Promise.all([left.next(), right.next()]);
    server.stdin?.end();
    const stats = await serverLines.next();
    for (const agent of agents) agent.kill();
    const kinds = (one.candidates as string[]).map((text) => / typ (\w+)/.exec(text)?.[1]);
    return { results: results.map((result) => result.result), stats, kinds };
  };

  test("can't reach each other with STUN alone", async () => {
    const { results, stats, kinds } = await attempt("stun");
    expect(kinds).toContain("srflx");
    expect(results).toEqual(["failed", "failed"]);
    expect(stats).toMatchObject({ allocationsOpened: 1 });
  }, 60_000);

  test("connect through the relay", async () => {
    const { results, stats } = await attempt("turn");
    expect(results).toEqual(["connected", "connected"]);
    expect(Number(stats.toClientMessages)).toBeGreaterThanOrEqual(10);
  }, 60_000);
});
