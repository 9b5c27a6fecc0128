import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { ChildProcess } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer } from "node:net";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { readCertificate } from "../../src/net/certificate-files.ts";
import type { TurnServer } from "../../src/turn/server.ts";
import { makeCertificate, temporaryFolder } from "../support/certificates.ts";
import { commandLine } from "../support/runtimes.ts";
import { run } from "./support/coturn.ts";
import { NatNetwork } from "./support/nat-network.ts";
import { secret, startTestTls } from "./support/turn.ts";

const cli = commandLine("bun");
const path = (name: string): string => fileURLToPath(new URL(`support/${name}`, import.meta.url));
const keys = ["--tokens.secret", "0123456789abcdef0123456789abcdef", "--port", "0"];

/** What the command says of TURN servers elsewhere, as an operator would ask it on a machine that is not the server's. */
const external = (urls: readonly string[], ...more: string[]): string[] => [
  ...["doctor", ...keys, "--turn.secret", secret],
  ...["--turn.external", urls.join(",")],
  ...more,
];

const bun = (...args: string[]): Promise<string> => run(process.execPath, args);

/** The line about this URL. */
const about = (output: string, url: string): string =>
  output.split("\n").find((line) => line.includes(url)) ?? `nothing about ${url}:\n${output}`;

describe("TURN servers elsewhere", () => {
  let turn: TurnServer;
  beforeAll(async () => {
    // Relays have an address that is not the doctor's: only so can it be a peer of theirs.
    turn = await startTestTls({ relayAddresses: ["127.0.0.2"] });
  });
  afterAll(() => turn.stop());
  const url = (transport: "udp" | "tcp", port = turn.ports[transport]): string =>
    `turn:127.0.0.1:${port}?transport=${transport}`;

  test("what works is said to carry data both ways", async () => {
    const output = await bun(cli, ...external([url("udp"), url("tcp")]));
    for (const transport of ["udp", "tcp"] as const)
      expect(about(output, url(transport))).toMatch(
        /^ok {4}turn:127\.0\.0\.1:\d+\S* gives relays \(127\.0\.0\.2:\d+\) in \d+ ms, and they carry data both ways$/,
      );
    expect(output).not.toContain("WRONG");
    expect(turn.stats().allocations).toBe(0);
  }, 30_000);

  test("credentials of another secret, and those of a slow clock, are told apart", async () => {
    const wrong = await bun(cli, ...external([url("udp")], "--turn.secret", "not that one"));
    expect(about(wrong, url("udp"))).toMatch(/^WRONG .*error 401.*turn\.secret is not the server's/);
    const slow = await bun("--preload", path("slow-clock.ts"), cli, ...external([url("udp")]));
    expect(about(slow, url("udp"))).toMatch(/^WRONG .*clock is an hour or more ahead.*NTP$/);
  }, 30_000);

  test("closed ports, by what closes them", async () => {
    const silent = createSocket("udp4").bind(0, "127.0.0.1");
    await once(silent, "listening");
    const free = createServer().listen(0, "127.0.0.1");
    await once(free, "listening");
    const { port: closed } = free.address() as { port: number };
    free.close();
    await once(free, "close");
    const [mute, shut] = [url("udp", silent.address().port), url("tcp", closed)];
    const output = await bun(cli, ...external([mute, shut, "turn:no-such-host.invalid:3478"]));
    silent.close();
    expect(about(output, mute)).toMatch(/^WRONG .*no answer.*nobody answers at UDP port \d+: a firewall/);
    expect(about(output, shut)).toMatch(/^WRONG .*nothing listens at TCP port \d+/);
    expect(about(output, "no-such-host")).toMatch(/^WRONG .*leads to no address/);
  }, 30_000);

  test("TLS: whom browsers would not trust, and what isn't TLS", async () => {
    const [self, plain] = [`turns:127.0.0.1:${turn.ports.tls}`, `turns:127.0.0.1:${turn.ports.tcp}`];
    const output = await bun(cli, ...external([self, plain]));
    expect(about(output, self)).toMatch(/^WRONG .*self-signed/);
    expect(about(output, plain)).toMatch(/^WRONG .*doesn't speak TLS/);
    // Trusted, and for this name.
    const { cert, key } = makeCertificate(temporaryFolder(), "trusted");
    const trusted = await startTestTls({ relayAddresses: ["127.0.0.2"] });
    trusted.useCertificate(readCertificate(cert, key));
    const good = `turns:localhost:${trusted.ports.tls}`;
    process.env.NODE_EXTRA_CA_CERTS = cert;
    try {
      expect(about(await bun(cli, ...external([good])), good)).toMatch(/^ok {4}.*both ways$/);
    } finally {
      delete process.env.NODE_EXTRA_CA_CERTS;
      await trusted.stop();
    }
  }, 30_000);

  test("a server without room", async () => {
    const full = await startTestTls({
      limits: { allocations: 1, allocationsPerUser: 1 },
      relayPorts: [21_900, 21_900],
    });
    const at = `turn:127.0.0.1:${full.ports.udp}?transport=udp`;
    const holder = createSocket("udp4").bind(21_900, "127.0.0.1");
    await once(holder, "listening");
    expect(about(await bun(cli, ...external([at])), at)).toMatch(/^WRONG .*error 508.*no free relay port/);
    holder.close();
    await full.stop();
  }, 30_000);

  test("what is no URL of a server", async () => {
    const output = await bun(cli, "doctor", ...keys, "--ice-servers", '[{"urls":["turn:a b"]}]');
    expect(output).toContain("is no stun:, turn: or turns: URL");
  }, 30_000);
});

describe("the embedded server", () => {
  const own = [
    "doctor",
    ...keys,
    "--turn.udp-port",
    "0",
    "--turn.tcp-port",
    "0",
    "--turn.listen",
    "127.0.0.1",
  ];

  test("is started for the test, and tried by the address that devices are told", async () => {
    const output = await bun(cli, ...own);
    expect(output).toMatch(/^ok {4}the embedded TURN server relays: tested in \d+ ms$/m);
    expect(output).toMatch(
      /^look {2}devices are told 127\.0\.0\.1 for relays, which only its own network can reach/m,
    );
    expect(output.match(/^ok {4}turn:127\.0\.0\.1:\d+\?transport=(udp|tcp) gives relays/gm)).toHaveLength(2);
    expect(output).toContain(
      "from another network, run switchboard doctor --dev --turn.external turn:127.0.0.1:",
    );
  }, 30_000);

  test("that runs already is asked as it is, where its secret is known", async () => {
    const turn = await startTestTls();
    const ports = ["--turn.udp-port", `${turn.ports.udp}`, "--turn.tcp-port", `${turn.ports.tcp}`];
    const without = await bun(cli, ...own, ...ports);
    expect(without).toMatch(/^look {2}.*tested only where turn\.secret is set$/m);
    const output = await bun(cli, ...own, ...ports, "--turn.secret", secret);
    await turn.stop();
    expect(output.match(/^ok {4}turn:127\.0\.0\.1:\d+\?transport=(udp|tcp) gives relays/gm)).toHaveLength(2);
  }, 30_000);

  test("its public address is compared with what STUN servers see", async () => {
    const turn = await startTestTls();
    const stun = ["--turn.stun-servers", `stun:127.0.0.1:${turn.ports.udp}`];
    const right = await bun(cli, ...own, ...stun);
    expect(right).toMatch(/^ok {4}stun:\S+ sees this machine as 127\.0\.0\.1, under the same port numbers$/m);
    const wrong = await bun(cli, ...own, ...stun, "--turn.public-addresses", "11.0.0.7");
    await turn.stop();
    expect(wrong).toMatch(
      /^WRONG turn\.publicAddresses says 11\.0\.0\.7, but \S+ sees this machine as 127\.0\.0\.1$/m,
    );
  }, 30_000);
});

/** Undefined where namespaces aren't allowed: the tests are skipped then. */
const network = NatNetwork.make();

describe.skipIf(network === undefined)("from behind a NAT", () => {
  const servers: ChildProcess[] = [];
  afterAll(async () => {
    for (const server of servers) server.kill("SIGKILL");
    network?.remove();
  });
  const host = (): NatNetwork => {
    if (network === undefined) throw new Error("there is no network");
    return network;
  };
  /** Starts a server in the open, of which `end` is the end. */
  const open = async (options: object) => {
    const base = {
      listen: [NatNetwork.openAddress],
      secrets: [secret],
      tcpPort: "off",
      relayPorts: [21_400, 21_499],
    };
    const flags = [path("serve.ts"), JSON.stringify({ ...base, ...options })];
    const server = host().start("open", process.execPath, flags);
    servers.push(server);
    await once(createInterface({ input: server.stdout! }), "line");
    return { end: () => ended(server) };
  };
  const ended = async (server: ChildProcess): Promise<void> => {
    const exit = once(server, "exit");
    server.kill("SIGKILL");
    await exit;
  };
  /** What the command says on the host behind NAT. */
  const ask = async (...args: string[]): Promise<string> => {
    let output = "";
    for await (const text of host().start("left", process.execPath, [cli, ...args]).stdout!) output += text;
    return output;
  };
  /** The same of a server in the open, the rule closing something there. */
  const diagnose = async (options: object, rule?: string): Promise<string> => {
    const server = await open(options);
    if (rule !== undefined) {
      host().run("open", "nft", "add table ip closed");
      host().run("open", "nft", "add chain ip closed in { type filter hook input priority 0 ; }");
      host().run("open", "nft", `add rule ip closed in ${rule} drop`);
    }
    const url = `turn:${NatNetwork.openAddress}:3478?transport=udp`;
    const output = await ask(...external([url]));
    if (rule !== undefined) host().run("open", "nft", "delete table ip closed");
    await server.end();
    return about(output, url);
  };

  test("a server that is open, through a symmetric NAT", async () => {
    expect(await diagnose({})).toMatch(/^ok {4}.*both ways$/);
  }, 30_000);

  test("a firewall that closes the server's port", async () => {
    expect(await diagnose({}, "udp dport 3478")).toMatch(
      /^WRONG .*nobody answers at UDP port 3478: a firewall/,
    );
  }, 30_000);

  test("a firewall that closes the relays' ports", async () => {
    expect(await diagnose({}, "udp dport 21400-21499")).toMatch(
      /^WRONG .*nothing comes in at the relay's port: a firewall closes the UDP ports of the relays/,
    );
  }, 30_000);

  test("a private address that clients are told", async () => {
    expect(await diagnose({ publicAddresses: ["10.9.9.9"] })).toMatch(
      /^WRONG .*clients are told 10\.9\.9\.9 for relays.*set turn\.publicAddresses/,
    );
  }, 30_000);

  test("a public address that is another machine's", async () => {
    expect(await diagnose({ publicAddresses: ["11.0.0.77"] })).toMatch(
      /^WRONG .*clients are told 11\.0\.0\.77 for relays, though the server is at 11\.0\.0\.1/,
    );
  }, 30_000);

  test("a server behind NAT finds the address to tell, and hears that this NAT spoils it", async () => {
    const stun = await open({});
    const setting = ["--turn.stun-servers", `stun:${NatNetwork.openAddress}:3478`];
    const server = host().start("left", process.execPath, [
      ...[cli, "serve", ...keys, "--log.format", "json", "--turn.secret", secret, ...setting],
    ]);
    servers.push(server);
    const log: Record<string, unknown>[] = [];
    for await (const line of createInterface({ input: server.stdout! })) {
      log.push(JSON.parse(line));
      if (line.includes("TURN relays: tested")) break;
    }
    expect(log).toContainEqual(
      expect.objectContaining({
        address: "11.0.0.11",
        msg: "this machine's address, as a STUN server sees it",
      }),
    );
    expect(log.map(({ msg }) => msg)).toContain(
      "NAT changes port numbers: nobody will find the relays behind it",
    );
    const url = "turn:10.1.0.2:3478?transport=udp";
    expect(about(await ask(...external([url])), url)).toMatch(/^look .*gives relays \(11\.0\.0\.11:\d+\)/);
    await ended(server);
    // The doctor, before such a server is started.
    expect(about(await ask("doctor", ...keys, ...setting), "sees this machine")).toMatch(
      /^WRONG stun:11\.0\.0\.1:3478 sees this machine as 11\.0\.0\.11, but NAT changes port numbers/,
    );
    await stun.end();
    // Five programs start for it.
  }, 60_000);
});
