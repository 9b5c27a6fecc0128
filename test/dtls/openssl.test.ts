import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { freePort } from "../support/free-port.ts";
import { fileCertificate, has, PeerProgram, p256, rsa2048 } from "./support/peer-program.ts";
import { keyingMaterial, UdpSide } from "./support/udp-side.ts";

const skip = !has("openssl");
const profiles = {
  SRTP_AEAD_AES_128_GCM: 56,
  SRTP_AEAD_AES_256_GCM: 88,
  SRTP_AES128_CM_SHA1_80: 60,
} as const;
type Profile = keyof typeof profiles;
const numbers = { SRTP_AEAD_AES_128_GCM: 7, SRTP_AEAD_AES_256_GCM: 8, SRTP_AES128_CM_SHA1_80: 1 } as const;
const certificate = skip
  ? undefined
  : { ec: fileCertificate("openssl-ec", p256), rsa: fileCertificate("openssl-rsa", rsa2048) };

interface Case {
  readonly profile?: Profile;
  readonly key?: "ec" | "rsa";
  /** More arguments of the program. */
  readonly args?: readonly string[];
  /** Of ours. */
  readonly mtu?: number;
}

describe("OpenSSL", { skip }, () => {
  const asClient: Record<string, Case> = {
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
    "with an MTU of 300 at both ends": { args: ["-mtu", "300"], mtu: 300 },
    "while we send 200 bytes at most": { mtu: 200 },
  };
  for (const [name, options] of Object.entries(asClient))
    test(`its client ${name}`, () => connectsToUs(options));

  const asServer: Record<string, Case> = {
    "with AES-128-GCM for SRTP": {},
    "with AES-CM and SHA-1 for SRTP": { profile: "SRTP_AES128_CM_SHA1_80" },
    "that asks for a cookie": { args: ["-listen"] },
    "with an RSA certificate": { key: "rsa" },
    "with an RSA certificate and PKCS #1 signatures": {
      key: "rsa",
      args: ["-sigalgs", "ECDSA+SHA256:RSA+SHA256"],
    },
    "with P-256 alone": { args: ["-groups", "P-256"] },
    "with an MTU of 300 at both ends": { args: ["-mtu", "300"], mtu: 300 },
    "that asks for a cookie, while we send 200 bytes at most": { args: ["-listen"], mtu: 200 },
  };
  for (const [name, options] of Object.entries(asServer))
    test(`its server ${name}`, () => weConnect(options));
});

async function connectsToUs(options: Case): Promise<void> {
  const { profile, peer, args } = settings(options);
  await using us = await UdpSide.open({ remoteFingerprints: peer.fingerprints, ...mtu(options) });
  using program = new PeerProgram("openssl", ["s_client", "-connect", `127.0.0.1:${us.port}`, ...args]);
  const established = await us.established;
  assert.equal(established.profile, numbers[profile]);
  assert.equal(await program.keyingMaterial(), keyingMaterial(established, "server"));
  if (options.mtu !== undefined) assert.ok(us.count.largest <= options.mtu);
}

async function weConnect(options: Case): Promise<void> {
  const { profile, peer, args } = settings(options);
  const port = await freePort();
  using program = new PeerProgram("openssl", [
    "s_server",
    "-accept",
    `127.0.0.1:${port}`,
    "-Verify",
    1,
    ...args,
  ]);
  await program.printed(/ACCEPT/);
  await using us = await UdpSide.open({
    connectTo: port,
    remoteFingerprints: peer.fingerprints,
    ...mtu(options),
  });
  const established = await us.established;
  assert.equal(established.profile, numbers[profile]);
  assert.equal(await program.keyingMaterial(), keyingMaterial(established, "client"));
  if (options.mtu !== undefined) assert.ok(us.count.largest <= options.mtu);
}

function settings({ profile = "SRTP_AEAD_AES_128_GCM", key = "ec", args = [] }: Case) {
  const peer = certificate?.[key];
  assert.ok(peer);
  const exporter = ["-keymatexport", "EXTRACTOR-dtls_srtp", "-keymatexportlen", `${profiles[profile]}`];
  const common = ["-dtls1_2", "-cert", peer.cert, "-key", peer.key, "-use_srtp", profile, ...exporter];
  return { profile, peer, args: [...common, ...args] };
}

function mtu(options: Case): { readonly mtu?: number } {
  return options.mtu === undefined ? {} : { mtu: options.mtu };
}
