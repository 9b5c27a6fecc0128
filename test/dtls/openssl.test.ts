import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isFinished } from "./support/forge.ts";
import { connectsToUs, type Peer, weConnect } from "./support/interop.ts";
import { recordsOf } from "./support/pair.ts";
import { fileCertificate, has, p256, rsa2048 } from "./support/peer-program.ts";
import type { UdpSideOptions } from "./support/udp-side.ts";

const skip = !has("openssl");
const certificates = skip
  ? undefined
  : { ec: fileCertificate("openssl-ec", p256), rsa: fileCertificate("openssl-rsa", rsa2048) };
const profiles = {
  SRTP_AEAD_AES_128_GCM: { number: 7, bytes: 56 },
  SRTP_AEAD_AES_256_GCM: { number: 8, bytes: 88 },
  SRTP_AES128_CM_SHA1_80: { number: 1, bytes: 60 },
} as const;

interface Case {
  readonly profile?: keyof typeof profiles;
  readonly key?: "ec" | "rsa";
  /** Whether a server asks for our certificate. Default: yes. */
  readonly asks?: boolean;
  /** More arguments of the program. */
  readonly args?: readonly string[];
  readonly ours?: Partial<UdpSideOptions>;
}

function peer(role: "client" | "server", options: Case = {}): Peer {
  const { profile = "SRTP_AEAD_AES_128_GCM", key = "ec", asks = true, args = [], ours = {} } = options;
  assert.ok(certificates);
  const certificate = certificates[key];
  const { number, bytes } = profiles[profile];
  const files = ["-dtls1_2", "-cert", certificate.cert, "-key", certificate.key];
  const exporter = ["-use_srtp", profile, "-keymatexport", "EXTRACTOR-dtls_srtp", "-keymatexportlen", bytes];
  const command = (port: number) => {
    const address = `127.0.0.1:${port}`;
    const first =
      role === "client"
        ? ["s_client", "-connect", address]
        : ["s_server", "-accept", address, ...(asks ? ["-Verify", 1] : [])];
    return ["openssl", ...first, ...files, ...exporter, ...args];
  };
  return { certificate, command, profile: number, ready: /ACCEPT/, ours };
}

describe("OpenSSL", { skip }, () => {
  const clients: Record<string, Case> = {
    "with AES-128-GCM for SRTP": {},
    "with AES-256-GCM for SRTP": { profile: "SRTP_AEAD_AES_256_GCM" },
    "with AES-CM and SHA-1 for SRTP": { profile: "SRTP_AES128_CM_SHA1_80" },
    "with an RSA certificate": { key: "rsa" },
    "with an RSA certificate and PKCS #1 signatures": {
      key: "rsa",
      args: ["-sigalgs", "ECDSA+SHA256:RSA+SHA256"],
    },
    "with P-256 alone": { args: ["-groups", "P-256"] },
    "with X25519": { args: ["-groups", "X25519:P-256"] },
    "with AES-256 for records": { args: ["-cipher", "ECDHE-ECDSA-AES256-GCM-SHA384"] },
    "with 300 bytes a datagram, both ways": { args: ["-mtu", "300"], ours: { mtu: 300 } },
    "while we send 200 bytes a datagram": { ours: { mtu: 200 } },
  };
  for (const [name, options] of Object.entries(clients))
    test(`its client ${name}`, () => connectsToUs(peer("client", options)));

  const servers: Record<string, Case> = {
    "with AES-128-GCM for SRTP": {},
    "with AES-CM and SHA-1 for SRTP": { profile: "SRTP_AES128_CM_SHA1_80" },
    "that asks for no certificate": { asks: false },
    "that asks for a cookie": { args: ["-listen"] },
    "with an RSA certificate": { key: "rsa" },
    "with an RSA certificate and PKCS #1 signatures": {
      key: "rsa",
      args: ["-sigalgs", "ECDSA+SHA256:RSA+SHA256"],
    },
    "with P-256 alone": { args: ["-groups", "P-256"] },
    "with 300 bytes a datagram, both ways": { args: ["-mtu", "300"], ours: { mtu: 300 } },
    "that asks for a cookie, while we send 200 bytes a datagram": { args: ["-listen"], ours: { mtu: 200 } },
  };
  for (const [name, options] of Object.entries(servers))
    test(`its server ${name}`, () => weConnect(peer("server", options)));

  test("rule 14: its client gives up when it may not negotiate again", () =>
    connectsToUs(peer("client"), async (us, program) => {
      program.type("R");
      await program.printed(/no renegotiation/i);
      assert.equal((await us.closed).kind, "alert");
    }));

  test("rule 14: its server gives up when it may not negotiate again", () =>
    weConnect(peer("server"), async (us, program) => {
      program.type("r");
      await program.printed(/no renegotiation/i);
      assert.equal((await us.closed).kind, "alert");
    }));

  test("rule 22: its close_notify ends our session", () =>
    connectsToUs(peer("client"), async (us, program) => {
      program.type("Q");
      assert.deepEqual(await us.closed, { kind: "closeNotify" });
    }));

  test("rule 11: a Finished that comes three times at once is answered once by a server, not at all by a client", async () => {
    // Counted around the copies alone: on a slow machine either end may repeat a flight in between.
    const answers: number[] = [];
    function* threeTimes(datagram: Uint8Array, sent: () => number) {
      const finished = recordsOf(datagram).some(isFinished) && answers.length === 0;
      const before = sent();
      yield datagram;
      if (!finished) return;
      yield datagram.slice();
      yield datagram.slice();
      answers.push(sent() - before);
    }
    await connectsToUs(peer("client", { ours: { receive: threeTimes } }));
    assert.deepEqual(answers.splice(0), [1]);
    await weConnect(peer("server", { ours: { receive: threeTimes } }));
    assert.deepEqual(answers, [0]);
  });

  test("rule 11: when our Finished is lost, its client's repeat is answered", () => {
    let finished = 0;
    const receive = (datagram: Uint8Array) =>
      recordsOf(datagram).some(isFinished) && finished++ === 0 ? [] : [datagram];
    return connectsToUs(peer("client", { ours: { receive } }), async (us) => {
      assert.equal(us.session.state, "established");
      assert.equal(finished, 2);
    });
  });
});
