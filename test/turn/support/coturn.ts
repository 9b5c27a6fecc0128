import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "../../support/certificates.ts";
import { freePort } from "../../support/free-port.ts";

/** True when Debian's `coturn` is there: its tools are the peers of these tests. */
export const hasCoturn: boolean = [
  "turnserver",
  "turnutils_uclient",
  "turnutils_stunclient",
  "turnutils_peer",
].every((name) => existsSync(`/usr/bin/${name}`));

/** What `turnutils_uclient` counted. */
export interface Relayed {
  readonly sent: number;
  readonly received: number;
  readonly lost: number;
  readonly output: string;
}

export const account = { name: "alice", password: "pw1", realm: "sb.test" };

/** Runs `turnutils_uclient` with our account, against a server at 127.0.0.1. */
export function uclient(port: number, ...flags: string[]): Promise<Relayed> {
  return uclientTo("127.0.0.1", port, ...flags);
}

/** The same against a server at any address. */
export async function uclientTo(host: string, port: number, ...flags: string[]): Promise<Relayed> {
  const output = await run("turnutils_uclient", [
    ...["-u", account.name, "-w", account.password, "-p", String(port)],
    ...flags,
    host,
  ]);
  const last = (pattern: RegExp): number => Number([...output.matchAll(pattern)].at(-1)?.[1] ?? -1);
  return {
    sent: last(/tot_send_msgs=(\d+)/g),
    received: last(/tot_recv_msgs=(\d+)/g),
    lost: last(/Total lost packets (\d+)/g),
    output,
  };
}

/** All that a program wrote, when it has ended or after 40 s. */
export function run(program: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve) => {
    const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"], timeout: 40_000 });
    let output = "";
    child.stdout.on("data", (text) => {
      output += text;
    });
    child.stderr.on("data", (text) => {
      output += text;
    });
    child.on("close", () => resolve(output));
  });
}

/** Debian's coturn as the reference, open to loopback as the tools need it. */
export class Coturn {
  readonly port: number;
  readonly tlsPort: number;
  readonly process: ChildProcess;

  private constructor(port: number, tlsPort: number, process: ChildProcess) {
    this.port = port;
    this.tlsPort = tlsPort;
    this.process = process;
  }

  static async start(
    certificate?: { readonly cert: string; readonly key: string },
    addresses = ["127.0.0.1"],
  ): Promise<Coturn> {
    const [port, tlsPort] = [await freePort(), await freePort()];
    const tls = certificate
      ? [
          "--tls-listening-port",
          String(tlsPort),
          "--cert",
          certificate.cert,
          "--pkey",
          certificate.key,
          "--no-dtls",
        ]
      : ["--no-tls", "--no-dtls"];
    return Coturn.#launch(port, tlsPort, [
      ...addresses.flatMap((address) => ["-L", address, "-E", address]),
      ...["--min-port", "54000", "--max-port", "55999", "-m", "1"],
      ...["-u", `${account.name}:${account.password}`, "-r", account.realm, "-a", "--allow-loopback-peers"],
      ...tls,
    ]);
  }

  /** With a file, and beside it only what it must not say itself. */
  static async startWith(config: string, port: number): Promise<Coturn> {
    const path = join(temporaryFolder(), "turnserver.conf");
    writeFileSync(path, config);
    return Coturn.#launch(port, 0, ["-c", path, "-L", "127.0.0.1", "-E", "127.0.0.1"]);
  }

  static async #launch(port: number, tlsPort: number, flags: readonly string[]): Promise<Coturn> {
    const folder = temporaryFolder();
    const files = [
      "--pidfile",
      join(folder, "pid"),
      "--userdb",
      join(folder, "db"),
      "--log-file",
      join(folder, "log"),
    ];
    const child = spawn("turnserver", ["-p", String(port), "--simple-log", "--no-cli", ...files, ...flags], {
      stdio: "ignore",
    });
    await answering(port);
    return new Coturn(port, tlsPort, child);
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.process.once("exit", resolve));
    this.process.kill("SIGKILL");
    await ended;
  }
}

/** Resolves when the port answers a Binding request. Rejects after 5 s. */
async function answering(port: number): Promise<void> {
  const socket = createSocket("udp4");
  const request = Buffer.from("000100002112a442000102030405060708090a0b", "hex");
  await new Promise<void>((resolve, reject) => {
    let left = 50;
    const timer = setInterval(() => {
      if (left-- === 0) {
        clearInterval(timer);
        reject(new Error(`nobody answers at port ${port}`));
      } else socket.send(request, port, "127.0.0.1");
    }, 100);
    socket.on("error", () => {});
    socket.once("message", () => {
      clearInterval(timer);
      resolve();
    });
  }).finally(() => socket.close());
}

/** Debian's version, such as 4.6.1. */
export function coturnVersion(): string {
  return execFileSync("turnserver", ["--version"], { encoding: "utf8" }).trim();
}
