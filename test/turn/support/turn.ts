import { readCertificate } from "../../../src/net/certificate-files.ts";
import { stunCrypto } from "../../../src/net/stun-crypto.ts";
import { base64 } from "../../../src/turn/base64.ts";
import { startTurn, type TurnServer } from "../../../src/turn/server.ts";
import type { TurnOptions } from "../../../src/turn/shell/options.ts";
import { encodeText } from "../../../src/wire/stun/text.ts";
import { makeCertificate, temporaryFolder } from "../../support/certificates.ts";
import { account } from "./coturn.ts";

export const secret = "a secret of these tests";

/** Our server on loopback as the tools need it: open to loopback's peers, old channel numbers, no rates. */
export function startTestTurn(options: TurnOptions = {}): Promise<TurnServer> {
  const first = 30_000 + Math.floor(Math.random() * 20_000);
  return startTurn({
    listen: ["127.0.0.1"],
    udpPort: 0,
    tcpPort: 0,
    realm: account.realm,
    users: [account],
    secrets: [secret],
    relayPorts: [first, first + 999],
    unsafeLoopback: true,
    ...options,
    limits: {
      allocationsPerDevice: 500,
      allocationsPerUser: 500,
      allocationsPerAddress: 500,
      refusalsPerSecond: 10_000,
      ...options.limits,
    },
  });
}

/** The same with TLS and a certificate of its own. */
export function startTestTls(options: TurnOptions = {}): Promise<TurnServer> {
  const paths = makeCertificate(temporaryFolder(), "turn");
  return startTestTurn({ ...options, tls: { port: 0, certificate: readCertificate(paths.cert, paths.key) } });
}

/** A time-limited credential. */
export function credential(
  user: string,
  of = secret,
): { readonly username: string; readonly credential: string } {
  const username = `${Math.floor(Date.now() / 1_000) + 600}:${user}`;
  return { username, credential: base64(stunCrypto.hmacSha1(encodeText(of), [encodeText(username)])) };
}

/** Waits for a condition that the network brings about. */
export async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 5_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error("it didn't happen within 5 s");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
