import { describe, expect, test } from "bun:test";
import { type CoturnOptions, coturnConfig } from "../../src/turn/coturn-config.ts";
import { makeCertificate, temporaryFolder } from "../support/certificates.ts";
import { freePort } from "../support/free-port.ts";
import { Coturn, hasCoturn, run } from "./support/coturn.ts";

const options: CoturnOptions = {
  realm: "sb.test",
  secret: "shared-secret",
  port: 3478,
  tls: undefined,
  publicAddresses: [],
  relayPorts: [56_000, 56_999],
  allowPeers: [],
  denyPeers: [],
};
const lines = (changed: Partial<CoturnOptions> = {}): string[] =>
  coturnConfig({ ...options, ...changed }).split("\n");

describe("turnserver.conf", () => {
  test("has every rule of hardening", () => {
    const written = lines();
    for (const line of [
      "use-auth-secret",
      "static-auth-secret=shared-secret",
      "realm=sb.test",
      "stale-nonce=600",
      "no-multicast-peers",
      "no-tcp-relay",
      "no-cli",
      "no-tls",
      "no-dtls",
      "unauthorized-ratelimit",
      "user-quota=32",
      "total-quota=500",
      "max-bps=2500000",
      "denied-peer-ip=10.0.0.0-10.255.255.255",
      "denied-peer-ip=169.254.0.0-169.254.255.255",
      "denied-peer-ip=127.0.0.0-127.255.255.255",
      "denied-peer-ip=100.64.0.0-100.127.255.255",
      "denied-peer-ip=::1",
      "denied-peer-ip=fc00::-fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
      "denied-peer-ip=fe80::-febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    ])
      expect(written).toContain(line);
    expect(written[0]).toContain("4.13.1");
  });

  test("follows the settings", () => {
    const written = lines({
      tls: { port: 5349, cert: "/etc/cert.pem", key: "/etc/key.pem" },
      publicAddresses: ["8.8.8.8"],
      allowPeers: ["10.1.0.0/16"],
      denyPeers: ["9.9.9.9"],
      limits: { allocationsPerDevice: 5 },
    });
    for (const line of [
      "tls-listening-port=5349",
      "cert=/etc/cert.pem",
      "pkey=/etc/key.pem",
      "external-ip=8.8.8.8",
      "allowed-peer-ip=10.1.0.0-10.1.255.255",
      "denied-peer-ip=9.9.9.9",
      "user-quota=5",
    ])
      expect(written).toContain(line);
    expect(written).not.toContain("no-tls");
  });

  test("a value can't become a line of its own", () => {
    for (const secret of ["", "a\nno-auth", "a b", "a#b"])
      expect(() => coturnConfig({ ...options, secret })).toThrow(RangeError);
    expect(() => coturnConfig({ ...options, denyPeers: ["x"] })).toThrow("x is neither");
  });

  test.skipIf(!hasCoturn)(
    "is taken by Debian's coturn: our credentials work, its own machine is closed",
    async () => {
      const { cert, key } = makeCertificate(temporaryFolder(), "coturn");
      const [port, tlsPort] = [await freePort(), await freePort()];
      const config = coturnConfig({ ...options, port, tls: { port: tlsPort, cert, key } });
      const coturn = await Coturn.startWith(config, port);
      const flags = `-v -y -c -m 1 -n 2 -p ${port}`.split(" ");
      const ours = await run("turnutils_uclient", [...flags, "-u", "bob", "-W", options.secret, "127.0.0.1"]);
      expect(ours).toContain("IPv4. Received relay addr");
      expect(ours).toMatch(/403/);
      const other = await run("turnutils_uclient", [...flags, "-u", "bob", "-W", "another", "127.0.0.1"]);
      expect(other).not.toContain("Received relay addr");
      await coturn.stop();
    },
    60_000,
  );
});
