import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { connectsToUs, type Peer, weConnect } from "./support/interop.ts";
import { buildFolder, fileCertificate, has, PeerProgram, p256, rsa2048 } from "./support/peer-program.ts";
import { UdpSide, type UdpSideOptions } from "./support/udp-side.ts";

const source = fileURLToPath(new URL("support/pion-peer.go", import.meta.url));
/** Where Debian puts Go's libraries. */
const libraries = "/usr/share/gocode";
const skip = !has("go") || !has("openssl") || !existsSync(`${libraries}/src/github.com/pion/dtls`);
const program = skip ? "" : build();
const certificates = skip
  ? undefined
  : { ec: fileCertificate("pion-ec", p256), rsa: fileCertificate("pion-rsa", rsa2048) };

interface Case {
  readonly key?: "ec" | "rsa";
  readonly mode?: string;
  readonly profile?: number;
  readonly ours?: Partial<UdpSideOptions>;
}

function peer(role: "client" | "server", { key = "ec", mode = "", profile = 7, ours = {} }: Case = {}): Peer {
  assert.ok(certificates);
  const certificate = certificates[key];
  const command = (port: number) => [program, role, port, certificate.cert, certificate.key, mode];
  return { certificate, command, profile, ready: /ready/, ours };
}

describe("pion", { skip }, () => {
  const cases: Record<string, Case> = {
    "with AES-128-GCM for SRTP": {},
    "with AES-CM and SHA-1 for SRTP": { mode: "sha1", profile: 1 },
    "with an RSA certificate": { key: "rsa" },
    "with 200 bytes a datagram, both ways": { mode: "mtu", ours: { mtu: 200 } },
    "while we send 300 bytes a datagram": { ours: { mtu: 300 } },
  };
  for (const [name, options] of Object.entries(cases)) {
    test(`its client ${name}`, () => connectsToUs(peer("client", options)));
    test(`its server ${name}, that asks for a cookie`, () => weConnect(peer("server", options)));
  }
  test("its server that asks for no cookie", () => weConnect(peer("server", { mode: "nocookie" })));

  test("rule 15: its client without extended master secret is refused", async () => {
    const { certificate, command } = peer("client", { mode: "noems" });
    const remoteFingerprints = certificate.fingerprints;
    await using us = await UdpSide.open({ remoteFingerprints, handshakeTimeout: 2_500 });
    using _ = new PeerProgram(command(us.port));
    const closed = await us.closed;
    assert.equal(closed.kind === "timeout" && closed.failure, "extendedMasterSecret");
  });

  test("rule 22: its close_notify ends our session", () =>
    connectsToUs(peer("client"), async (us, child) => {
      child.type("");
      assert.deepEqual(await us.closed, { kind: "closeNotify" });
    }));
});

function build(): string {
  const output = join(buildFolder(), "pion-peer");
  const env = {
    ...process.env,
    GO111MODULE: "off",
    GOPATH: libraries,
    GOCACHE: join(buildFolder(), "go-cache"),
  };
  execFileSync("go", ["build", "-o", output, source], { stdio: "pipe", env });
  return output;
}
