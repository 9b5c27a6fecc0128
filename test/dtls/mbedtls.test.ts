import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { connectsToUs, type Peer, weConnect } from "./support/interop.ts";
import { buildFolder, fileCertificate, has, PeerProgram, p256, rsa2048 } from "./support/peer-program.ts";
import { UdpSide, type UdpSideOptions } from "./support/udp-side.ts";

const source = fileURLToPath(new URL("support/mbedtls-peer.c", import.meta.url));
const header = "/usr/include/mbedtls/version.h";
/** Later versions have another API for exporters. */
const isVersion2 = existsSync(header) && /VERSION_MAJOR\s+2/.test(readFileSync(header, "utf8"));
const skip = !has("cc") || !has("openssl") || !isVersion2;
const program = skip ? "" : build();
const certificates = skip
  ? undefined
  : { ec: fileCertificate("mbedtls-ec", p256), rsa: fileCertificate("mbedtls-rsa", rsa2048) };

interface Case {
  readonly key?: "ec" | "rsa";
  readonly mode?: string;
  readonly ours?: Partial<UdpSideOptions>;
}

/** mbedTLS 2.28 knows no SRTP profile with AES-GCM. */
function peer(role: "client" | "server", { key = "ec", mode = "", ours = {} }: Case = {}): Peer {
  assert.ok(certificates);
  const certificate = certificates[key];
  const command = (port: number) => [program, role, port, certificate.cert, certificate.key, mode];
  return { certificate, command, profile: 1, ready: /ready/, ours };
}

describe("mbedTLS", { skip }, () => {
  const cases: Record<string, Case> = {
    "with a P-256 certificate": {},
    "with an RSA certificate": { key: "rsa" },
    "with 300 bytes a datagram, both ways": { mode: "mtu", ours: { mtu: 300 } },
    "while we send 200 bytes a datagram": { ours: { mtu: 200 } },
  };
  for (const [name, options] of Object.entries(cases)) {
    test(`its client ${name}`, () => connectsToUs(peer("client", options)));
    test(`its server ${name}`, () => weConnect(peer("server", options)));
  }
  test("its server that asks for a cookie", () => weConnect(peer("server", { mode: "cookie" })));
  test("rule 21: its client that offers an MKI", () => connectsToUs(peer("client", { mode: "mki" })));

  test("rule 15: its client without extended master secret is refused", async () => {
    const { certificate, command } = peer("client", { mode: "noems" });
    const remoteFingerprints = certificate.fingerprints;
    await using us = await UdpSide.open({ remoteFingerprints, handshakeTimeout: 1_500 });
    using _ = new PeerProgram(command(us.port));
    assert.deepEqual(await us.closed, { kind: "timeout", failure: "extendedMasterSecret", alert: undefined });
  });

  test("rule 22: its close_notify ends our session", () =>
    connectsToUs(peer("client"), async (us, child) => {
      child.type("");
      assert.deepEqual(await us.closed, { kind: "closeNotify" });
    }));
});

function build(): string {
  const output = join(buildFolder(), "mbedtls-peer");
  execFileSync("cc", ["-O1", "-o", output, source, "-lmbedtls", "-lmbedx509", "-lmbedcrypto"], {
    stdio: "pipe",
  });
  return output;
}
