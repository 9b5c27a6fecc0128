import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Browser } from "playwright-core";
import { PeerServer } from "../../src/peerjs.ts";
import { chromiumPath, sharedBrowser } from "../browser/support/browser.ts";
import { bothEnd, converse, eventually } from "../interop/end.ts";
import { openEnd } from "../interop/page-ends.ts";
import { endWithUs } from "../support/end-with-us.ts";
import { freePort } from "../support/free-port.ts";
import { installPeers } from "../support/peers.ts";
import { findRuntime, runtimePath, runtimesFor } from "../support/runtimes.ts";

setDefaultTimeout(120_000);

const peers = installPeers();
const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
/** The package whose place ours takes runs the same program. */
const modules = {
  "switchboard/peerjs": at("../../src/peerjs.ts"),
  peer: at("../../node_modules/peer/dist/module.mjs"),
} as const;

interface Line {
  readonly port?: number;
  readonly event?: string;
  readonly id?: string;
}

/** Starts the application with that PeerJS server; collects what it prints. */
async function start(runtime: "node" | "bun", module: string) {
  const child = spawn(runtimePath(runtime), [at("support/express-host.ts"), module, peers], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  endWithUs(child);
  const exited = new Promise<number | null>((resolve) => child.once("exit", resolve));
  const lines: Line[] = [];
  createInterface({ input: child.stdout }).on("line", (line) => lines.push(JSON.parse(line)));
  await eventually("the application to listen", async () => lines.some(({ port }) => port !== undefined));
  const port = lines.find((line) => line.port !== undefined)?.port ?? 0;
  const heard = (event: string, id: string) => () =>
    Promise.resolve(lines.some((line) => line.event === event && line.id === id));
  return {
    port,
    heard,
    exited,
    close: () => child.stdin.write("close\n"),
    kill: () => child.kill("SIGKILL"),
  };
}

const hosts = [
  ...runtimesFor("drop-in").map((runtime) => [runtime, "switchboard/peerjs"] as const),
  // That the program is one for `peer` as well changes with the program alone.
  ...(process.env.TEST_LONG === "1" && findRuntime("node") !== undefined ? [["node", "peer"] as const] : []),
];

describe.skipIf(chromiumPath === null)("an application of Express", () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await sharedBrowser("slow");
  }, 60_000);
  afterAll(() => browser?.close());

  test.each(hosts)("on %s, with %s: calls and events", async (runtime, name) => {
    const host = await start(runtime, modules[name]);
    try {
      const url = `http://127.0.0.1:${host.port}`;
      expect(await (await fetch(`${url}/health/live`)).text()).toBe("host");
      expect((await fetch(`${url}/elsewhere`)).status).toBe(404);
      expect(await (await fetch(`${url}/peerjs/myapp/peerjs/id`)).text()).toMatch(/^[0-9a-f-]{36}$/);
      // `peer` refuses the upgrades of whoever is beside it.
      if (name !== "peer") {
        const { io } = createRequire(`${peers}package.json`)("socket.io-client");
        const socket = io(url, { transports: ["websocket"], reconnection: false });
        socket.emit("say", "hello");
        expect(await new Promise((resolve) => socket.on("said", resolve))).toBe("echo hello");
        socket.close();
      }

      const peerjs = { path: "/peerjs/myapp" };
      const alice = await openEnd(browser, host.port, {
        ...{ kind: "peerjs", user: "alice", color: "red", tone: 1_200, peerjs },
      });
      const bob = await openEnd(browser, host.port, {
        ...{ kind: "peerjs", user: "bob", color: "green", tone: 500, peerjs },
      });
      for (const id of ["alice", "bob"]) await eventually(`${id}'s connection`, host.heard("connection", id));
      const told = await (await fetch(`${url}/peerjs/myapp/peerjs/peers`)).json();
      expect(told.toSorted()).toEqual(["alice", "bob"]);
      await converse(alice, bob);
      await eventually("the offer", host.heard("OFFER", "alice"));
      await eventually("the answer", host.heard("ANSWER", "bob"));
      await bob.hangup();
      await bothEnd(alice, bob);
      await alice.close();
      await eventually("alice to leave", host.heard("disconnect", "alice"));
      await bob.close();
      host.close();
      expect(await host.exited).toBe(0);
    } finally {
      host.kill();
    }
  });
});

test("PeerServer listens by itself, takes a key of its own, and asks for tokens where there are keys", async () => {
  const port = await freePort();
  const secret = "a secret of tokens with 32 characters";
  const options = {
    port,
    host: "127.0.0.1",
    path: "/myapp",
    key: "ours",
    switchboard: { tokens: { secret } },
  };
  let server: { close(done: () => void): unknown } | undefined;
  const errors: Error[] = [];
  const peerServer = PeerServer(options, (one) => {
    server = one;
  }).on("error", (error) => errors.push(error));
  await eventually("the server to listen", async () => server !== undefined || errors.length > 0);
  expect(errors).toEqual([]);
  const id = await (await fetch(`http://127.0.0.1:${port}/myapp/ours/id`)).text();
  expect(id).toMatch(/^[0-9a-f-]{36}$/);
  const first = async (key: string): Promise<string> => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/myapp/peerjs?key=${key}&id=${id}&token=abc`);
    const { data } = await new Promise<MessageEvent>((resolve) => {
      socket.onmessage = resolve;
    });
    socket.close();
    return JSON.parse(String(data)).type;
  };
  expect(await first("ours")).toBe("ERROR");
  expect(await first("peerjs")).toBe("INVALID-KEY");
  expect(peerServer.listenerCount("error")).toBe(1);
  await new Promise<void>((resolve) => server?.close(resolve));
});

test("an unusable option is the event error", async () => {
  const failed = new Promise<Error>((resolve) => {
    PeerServer({ port: 0, switchboard: { limits: { links: -1 } } }).on("error", resolve);
  });
  expect((await failed).message).toContain("limits.links");
});
