import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { connectsToUs, type Peer, weConnect } from "./support/interop.ts";
import { fileCertificate, has, p256, rsa2048 } from "./support/peer-program.ts";
import type { UdpSideOptions } from "./support/udp-side.ts";

const skip = !has("gnutls-cli") || !has("openssl");
const certificates = skip
  ? undefined
  : { ec: fileCertificate("gnutls-ec", p256), rsa: fileCertificate("gnutls-rsa", rsa2048) };

interface Case {
  readonly key?: "ec" | "rsa";
  /** More arguments of the program. */
  readonly args?: readonly string[];
  readonly ours?: Partial<UdpSideOptions>;
}

/** GnuTLS 3.7 knows no SRTP profile with AES-GCM, and its server exports nothing over UDP. */
function peer(role: "client" | "server", { key = "ec", args = [], ours = {} }: Case = {}): Peer {
  assert.ok(certificates);
  const certificate = certificates[key];
  const common = ["--udp", "--x509certfile", certificate.cert, "--x509keyfile", certificate.key];
  const srtp = ["--srtp-profiles", "SRTP_AES128_CM_HMAC_SHA1_80"];
  const exporter = ["--keymatexport", "EXTRACTOR-dtls_srtp", "--keymatexportsize", 60];
  const command = (port: number) => {
    const first =
      role === "client"
        ? ["gnutls-cli", "--insecure", "127.0.0.1", "--port", port]
        : ["gnutls-serv", "--require-client-cert", "--echo", "--port", port];
    return [...first, ...common, ...srtp, ...exporter, ...args];
  };
  return { certificate, command, profile: 1, exports: role === "client", ready: /listening/, ours };
}

describe("GnuTLS", { skip }, () => {
  const cases: Record<string, Case> = {
    "with a P-256 certificate": {},
    "with an RSA certificate": { key: "rsa" },
    "with 300 bytes a datagram, both ways": { args: ["--mtu", "300"], ours: { mtu: 300 } },
    "while we send 200 bytes a datagram": { ours: { mtu: 200 } },
  };
  for (const [name, options] of Object.entries(cases)) {
    test(`its client ${name}`, () => connectsToUs(peer("client", options)));
    test(`its server ${name}, that asks for a cookie`, () => weConnect(peer("server", options)));
  }
  test("its server that asks for no cookie", () => weConnect(peer("server", { args: ["--nocookie"] })));
  test("its client with AES-256 for records", () =>
    connectsToUs(peer("client", { args: ["--priority", "NORMAL:-CIPHER-ALL:+AES-256-GCM"] })));
});
