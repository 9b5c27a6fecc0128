import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { endWithUs } from "../../support/end-with-us.ts";
import { freePort } from "../../support/free-port.ts";

/** Undefined where Debian's `prosody` is not installed. */
export const prosodyPath = Bun.which("prosody") ?? undefined;

/** An XMPP server whose users sign in with the password `pw`, and the component `call.DOMAIN` with the secret `component`. */
export interface Prosody {
  readonly domain: string;
  /** Of WebSocket clients. */
  readonly service: string;
  readonly componentPort: number;
  /** Stops it, and starts it again on the same ports. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

export interface ProsodyOptions {
  /** Of its users; `localhost` unless told otherwise. */
  readonly domain?: string;
  /** Clients that know no WebSocket connect to port 5222 of this address with TLS; certificate and key are those of the domain. */
  readonly clients?: { readonly address: string; readonly cert: string; readonly key: string };
}

export async function startProsody(
  users: readonly string[],
  { domain = "localhost", clients }: ProsodyOptions = {},
): Promise<Prosody> {
  const folder = mkdtempSync(join(tmpdir(), "switchboard-prosody-"));
  const [http, component] = [await freePort(), await freePort()];
  const config = join(folder, "prosody.cfg.lua");
  mkdirSync(join(folder, "data"));
  writeFileSync(
    config,
    `run_as_root = true; pidfile = "${folder}/pid"; data_path = "${folder}/data"; admins = {}
modules_enabled = { "roster", "saslauth", "disco", "carbons", "ping", "smacks", "websocket"${clients ? ', "tls", "pep"' : ""} }
modules_disabled = { "s2s", "posix"${clients ? "" : ', "tls"'} }
interfaces = { "127.0.0.1" }; ${
      clients
        ? `c2s_interfaces = { "${clients.address}" }; c2s_ports = { 5222 }
ssl = { certificate = "${clients.cert}", key = "${clients.key}" }`
        : "c2s_ports = {}"
    }; https_ports = {}; http_ports = { ${http} }; component_ports = { ${component} }
c2s_require_encryption = false; allow_unencrypted_plain_auth = true; authentication = "internal_plain"
consider_websocket_secure = true; cross_domain_websocket = true; log = { info = "${folder}/log" }
VirtualHost "${domain}"
Component "call.${domain}"
  component_secret = "component"
`,
  );
  for (const user of users) {
    const { status, stderr } = spawnSync("prosodyctl", ["--config", config, "register", user, domain, "pw"], {
      encoding: "utf8",
    });
    if (status !== 0) throw new Error(`prosodyctl: ${stderr}`);
  }
  let running = run();
  function run() {
    const child = spawn(`${prosodyPath}`, ["--config", config, "-F"], { stdio: "ignore" });
    endWithUs(child);
    const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    return { child, exited };
  }
  const end = async () => {
    running.child.kill("SIGTERM");
    await running.exited;
  };
  await listens(http);
  return {
    domain,
    service: `ws://127.0.0.1:${http}/xmpp-websocket`,
    componentPort: component,
    restart: async () => {
      await end();
      running = run();
      await listens(http);
    },
    stop: async () => {
      await end();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function listens(port: number): Promise<void> {
  const end = Date.now() + 30_000;
  for (;;) {
    const up = await new Promise<boolean>((resolve) => {
      const socket = connect(port, "127.0.0.1");
      socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
      socket.unref();
      socket.once("connect", () => socket.end());
    });
    if (up) return;
    if (Date.now() > end) throw new Error("prosody does not listen");
    await Bun.sleep(50);
  }
}
