import { expect, test } from "bun:test";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { endWithUs } from "../support/end-with-us.ts";
import { freePort } from "../support/free-port.ts";
import { installPeers } from "../support/peers.ts";
import { runtimePath } from "../support/runtimes.ts";
import { signIn } from "../support/sign-in.ts";

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

test("the Express app of the README gives out tokens, decides calls, and hears of their end", async () => {
  const [, program = ""] =
    /```js\n(import express[\s\S]*?)```/.exec(readFileSync(at("../../README.md"), "utf8")) ?? [];
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), "switchboard-readme-"));
  const file = join(folder, "app.mjs");
  writeFileSync(
    file,
    program
      .replace('"express"', JSON.stringify(`${installPeers()}node_modules/express/index.js`))
      .replace('"switchboard"', JSON.stringify(at("../../src/main.ts")))
      .replace('"switchboard/server"', JSON.stringify(at("../../src/application/index.ts")))
      // The ports of media and TURN are for one server of a machine.
      .replace("listen: false,", "listen: false, media: { enabled: false }, turn: { embedded: false },")
      .replaceAll("3000", String(port)),
  );
  const child = spawn(runtimePath("bun"), [file], {
    env: {
      ...process.env,
      ...{ HOME: folder, XDG_STATE_HOME: folder },
      TOKEN_SECRET: "a secret of tokens with 32 characters",
      WEBHOOK_SECRET: `whsec_${Buffer.alloc(32, 7).toString("base64")}`,
    },
    stdio: ["ignore", "pipe", "inherit"],
  });
  endWithUs(child);
  const ended = new Promise<string>((resolve) => {
    createInterface({ input: child.stdout }).on("line", (line) => {
      if (line.includes(" and ")) resolve(line);
    });
  });
  try {
    const url = `http://127.0.0.1:${port}`;
    const token = async (user: string): Promise<string> => {
      for (;;) {
        const response = await fetch(`${url}/token/${user}`, { method: "POST" }).catch(() => undefined);
        if (response?.ok) return await response.text();
        await Bun.sleep(50);
      }
    };
    const alice = await signIn({ url: `${url}/rtc` }, await token("alice"));
    const bob = await signIn({ url: `${url}/rtc` }, await token("bob"));
    await alice.fails("forbidden", "call", { to: "mallory" });
    const { ok } = await alice.request("call", { to: "bob" });
    await bob.expect("incoming", ({ type }) => type === "incoming");
    await bob.request("decline", { session: ok.session, everywhere: true });
    expect(await ended).toBe("alice and bob: declined");
  } finally {
    child.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  }
}, 60_000);
