import assert from "node:assert/strict";
import { freePort } from "../../support/free-port.ts";
import { type FileCertificate, PeerProgram } from "./peer-program.ts";
import { keyingMaterial, UdpSide, type UdpSideOptions } from "./udp-side.ts";

/** A program to shake hands with: how to start it, and what must come of it. */
export interface Peer {
  readonly certificate: FileCertificate;
  /** Program and arguments; as a client it connects to the port, as a server it listens there. */
  readonly command: (port: number) => readonly (string | number)[];
  /** The SRTP profile that must be agreed on. */
  readonly profile: number;
  /** False for a program that exports nothing: then its Finished alone shows that it has the same secret. */
  readonly exports?: boolean;
  /** Printed by a server once it listens; without, our repeats wait for it. */
  readonly ready?: RegExp;
  /** Of our side. */
  readonly ours?: Partial<UdpSideOptions>;
}

/** The program connects to us: both must export the same keys. `then` may go on with the session. */
export async function connectsToUs(
  { certificate, command, ours, ...expected }: Peer,
  then: (us: UdpSide, program: PeerProgram) => Promise<void> = async () => {},
): Promise<void> {
  await using us = await UdpSide.open({ remoteFingerprints: certificate.fingerprints, ...ours });
  using program = new PeerProgram(command(us.port));
  await compare(us, program, "server", expected);
  assert.ok(us.count.largest <= (ours?.mtu ?? 1_200));
  await then(us, program);
}

/** We connect to the program: both must export the same keys. */
export async function weConnect(
  { certificate, command, ready, ours, ...expected }: Peer,
  then: (us: UdpSide, program: PeerProgram) => Promise<void> = async () => {},
): Promise<void> {
  const port = await freePort();
  using program = new PeerProgram(command(port));
  if (ready !== undefined) await program.printed(ready);
  await using us = await UdpSide.open({
    connectTo: port,
    remoteFingerprints: certificate.fingerprints,
    ...ours,
  });
  await compare(us, program, "client", expected);
  assert.ok(us.count.largest <= (ours?.mtu ?? 1_200));
  await then(us, program);
}

async function compare(
  us: UdpSide,
  program: PeerProgram,
  role: "client" | "server",
  { profile, exports = true }: Pick<Peer, "profile" | "exports">,
): Promise<void> {
  const established = await us.established.catch((error) => {
    throw new Error(`${error.message}; the peer said: ${program.output.slice(-2_000)}`);
  });
  assert.equal(established.profile, profile);
  if (exports) assert.equal(await program.keyingMaterial(), keyingMaterial(established, role));
}
