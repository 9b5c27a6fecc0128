import { describe, expect, test } from "bun:test";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { createSwitchboard } from "../../../src/main.ts";
import { freePort } from "../../support/free-port.ts";
import { runtimesFor } from "../../support/runtimes.ts";
import { startServer } from "../../support/server.ts";
import { signIn } from "../../support/sign-in.ts";

const ended = async (pid: number) => {
  for (let left = 300; left > 0; left--) {
    try {
      process.kill(pid, 0);
    } catch {
      return true;
    }
    await Bun.sleep(10);
  }
  return false;
};

for (const runtime of runtimesFor("life"))
  describe(`on ${runtime}`, () => {
    test("SIGTERM: devices are told to go, ready says so, and the process ends when they are gone", async () => {
      const server = await startServer({ runtime, config: { drain: 2_000 } });
      const alice = await signIn(server, "dev:alice");
      expect((await fetch(`${server.url}/health/ready`)).status).toBe(200);
      process.kill(server.pid, "SIGTERM");
      const goodbye = await alice.expect("goodbye", ({ type }) => type === "goodbye");
      expect(goodbye).toMatchObject({ action: "resume" });
      const ready = await fetch(`${server.url}/health/ready`);
      expect([ready.status, await ready.json()]).toMatchObject([503, { status: "draining" }]);
      expect((await fetch(`${server.url}/health/live`)).status).toBe(200);
      expect(await alice.closed()).toBe(4103);
      expect(await ended(server.pid)).toBe(true);
      expect(server.logs.join("\n")).toContain("stopped");
    });

    test("a second signal ends it at once", async () => {
      const server = await startServer({ runtime, config: { drain: 60_000 } });
      const alice = await signIn(server, "dev:alice");
      process.kill(server.pid, "SIGINT");
      await alice.expect("goodbye", ({ type }) => type === "goodbye");
      process.kill(server.pid, "SIGINT");
      expect(await ended(server.pid)).toBe(true);
    });

    test("POST /admin/drain on the port for operators does what SIGTERM does; a page can't ask for it", async () => {
      const port = await freePort();
      const server = await startServer({ runtime, config: { drain: 2_000, admin: { port } } });
      const alice = await signIn(server, "dev:alice");
      const drain = (url: string, headers = {}) => fetch(`${url}/admin/drain`, { method: "POST", headers });
      const operators = `http://127.0.0.1:${port}`;
      expect((await drain(server.url)).status).toBe(404);
      expect((await drain(operators, { Origin: operators })).status).toBe(403);
      expect((await fetch(`${server.url}/health/ready`)).status).toBe(200);
      const asked = await drain(operators);
      expect([asked.status, await asked.json()]).toEqual([202, { status: "draining" }]);
      await alice.expect("goodbye", ({ type }) => type === "goodbye");
      expect(await ended(server.pid)).toBe(true);
    });

    test("SIGHUP drains, as SIGTERM does", async () => {
      const server = await startServer({ runtime, config: { drain: 2_000 } });
      const alice = await signIn(server, "dev:alice");
      process.kill(server.pid, "SIGHUP");
      await alice.expect("goodbye", ({ type }) => type === "goodbye");
      expect(await alice.closed()).toBe(4103);
      expect(await ended(server.pid)).toBe(true);
      expect(server.logs.join("\n")).toContain("stopped");
    });

    test("an idle one ends at once", async () => {
      const server = await startServer({ runtime, config: { drain: 60_000 } });
      process.kill(server.pid, "SIGTERM");
      expect(await ended(server.pid)).toBe(true);
    });
  });

for (const script of ["bin/switchboard.mjs", "scripts/start.mjs"])
  test(`${script}: the server ends when its parent is killed, and its port is free again`, async () => {
    const program = fileURLToPath(new URL(`../../../${script}`, import.meta.url));
    const args = script.startsWith("bin") ? ["serve", "--dev"] : [];
    const turn = ["--turn.embedded", "false"];
    const child = spawn("node", [program, ...args, "--port", "0", "--log.format", "json", ...turn]);
    const url = await new Promise<string>((resolve, reject) => {
      let out = "";
      child.stdout.on("data", (text) => {
        out += text;
        const [, found] = /"url":"([^"]+)"/.exec(out) ?? [];
        if (found !== undefined) resolve(found);
      });
      child.on("exit", (code) => reject(new Error(`ended with ${code}: ${out}`)));
    });
    expect((await fetch(`${url}/health/live`)).status).toBe(200);
    child.kill("SIGKILL");
    let there = true;
    for (let left = 300; there && left > 0; left--) {
      await Bun.sleep(20);
      there = await fetch(`${url}/health/live`).then(
        () => true,
        () => false,
      );
    }
    expect(there).toBe(false);
  });

test("the command of the package passes signals on", async () => {
  const program = fileURLToPath(new URL("../../../bin/switchboard.mjs", import.meta.url));
  const child = spawn("node", [program, "serve", "--dev", "--port", "0", "--log.format", "json"]);
  await new Promise<void>((resolve, reject) => {
    child.stdout.on("data", (text) => String(text).includes("Switchboard is at") && resolve());
    child.on("exit", (code) => reject(new Error(`ended with ${code}`)));
  });
  child.kill("SIGTERM");
  const [code] = await once(child, "exit");
  expect(code).toBe(0);
});

describe("as a library", () => {
  test("it runs in this process, with the options that it is given", async () => {
    const server = await createSwitchboard({ dev: true, port: 0, drain: 300, log: { level: "silent" } });
    const alice = await signIn(server, "dev:alice");
    expect(alice.welcome.user).toBe("alice");
    const drained = server.drain();
    expect(await alice.closed()).toBe(4103);
    await drained;
    await server.stop();
    await expect(fetch(server.url)).rejects.toThrow();
  });

  test("development mode must be asked for; a wrong option is an error that names it", async () => {
    const server = await createSwitchboard({
      port: 0,
      host: "127.0.0.1",
      tokens: { secret: "s".repeat(32) },
      turn: { embedded: false },
      media: { enabled: false },
      log: { level: "silent" },
    });
    await expect(signIn(server, "dev:alice")).rejects.toThrow("4303");
    await server.stop();
    // Nobody could sign in: the same as the command says.
    expect(createSwitchboard({})).rejects.toThrow("there is no key to verify tokens with");
    // @ts-expect-error: a name that is none
    expect(createSwitchboard({ prot: 1 })).rejects.toThrow("unknown setting prot");
    expect(createSwitchboard({ port: -1 })).rejects.toThrow("setting port");
  });
});
