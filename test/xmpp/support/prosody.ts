import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { scramVerifier } from "../../../src/auth/credential-verifiers.ts";
import { endWithUs } from "../../support/end-with-us.ts";
import { freePort } from "../../support/free-port.ts";

/** Undefined where Debian's `prosody` is not installed. */
export const prosodyPath = Bun.which("prosody") ?? undefined;

/** An XMPP server with accounts, and the component `call.DOMAIN` with the secret `component`. */
export interface Prosody {
  readonly domain: string;
  readonly pid: number;
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
  /** Of all users; `pw` unless told otherwise. */
  readonly password?: string;
  /** Keeps verifiers of SCRAM-SHA-1 instead of passwords. */
  readonly hashed?: boolean;
  /** Clients that know no WebSocket connect to port 5222 of this address with TLS; certificate and key are those of the domain. */
  readonly clients?: { readonly address: string; readonly cert: string; readonly key: string };
}

export async function startProsody(
  users: readonly string[],
  { domain = "localhost", password = "pw", hashed = false, clients }: ProsodyOptions = {},
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
c2s_require_encryption = false; allow_unencrypted_plain_auth = true; authentication = "internal_${hashed ? "hashed" : "plain"}"
consider_websocket_secure = true; cross_domain_websocket = true; log = { info = "${folder}/log" }
VirtualHost "${domain}"
Component "call.${domain}"
  component_secret = "component"
`,
  );
  // What `prosodyctl register` writes.
  const accounts = join(folder, "data", encodeURIComponent(domain).replaceAll(".", "%2e"), "accounts");
  mkdirSync(accounts, { recursive: true });
  for (const user of users)
    writeFileSync(
      join(accounts, `${user}.dat`),
      hashed ? verifier(password) : `return { ["password"] = "${password}"; };`,
    );
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
    get pid() {
      return running.child.pid ?? 0;
    },
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

/** An account of `internal_hashed`. */
function verifier(password: string): string {
  const salt = randomUUID();
  const [iterations = "", , stored = "", server = ""] = scramVerifier(
    "SHA-1",
    password,
    Buffer.from(salt),
  ).split(":");
  const hex = (base64: string) => Buffer.from(base64, "base64").toString("hex");
  return `return { ["salt"] = "${salt}"; ["iteration_count"] = ${iterations}; ["stored_key"] = "${hex(stored)}"; ["server_key"] = "${hex(server)}"; };`;
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
