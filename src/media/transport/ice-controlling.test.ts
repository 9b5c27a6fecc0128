import { expect, test } from "bun:test";
import { TestPeer, workerCertificate } from "../../../test/media/support/test-peer.ts";
import { TestPath } from "../../../test/media/support/transport-world.ts";
import { dtlsCrypto } from "../../net/dtls-crypto.ts";
import { srtpCrypto } from "../../net/srtp-crypto.ts";
import { stunCrypto } from "../../net/stun-crypto.ts";
import { fingerprintOf } from "../../wire/dtls/fingerprint.ts";
import { HandshakeGates } from "../../wire/dtls/handshake-gate.ts";
import { attribute } from "../../wire/stun/attribute-type.ts";
import { decodeErrorCode } from "../../wire/stun/error-code.ts";
import { parseMessage, type StunMessage } from "../../wire/stun/message.ts";
import type { TransportParameters } from "../negotiated.ts";
import { DirectSink } from "./packet-sink.ts";
import type { MediaPath } from "./path.ts";
import { TransportTable } from "./transport-table.ts";

const fingerprint = fingerprintOf(workerCertificate.der, dtlsCrypto);
const [ours, theirs] = [
  { ufrag: "ours", pwd: "our-password-0123456789ab" },
  { ufrag: "theirs", pwd: "their-password-0123456789" },
];
const parameters = (local: typeof ours, remote: typeof ours, dtlsRole: "client" | "server") =>
  ({
    ...{ localUfrag: local.ufrag, localPwd: local.pwd, remoteUfrag: remote.ufrag, remotePwd: remote.pwd },
    ...{ dtlsRole, fingerprints: [fingerprint] },
  }) satisfies TransportParameters;

/** Two tables in simulated time: what one sends by `there` reaches the other by `back`, and the other way round. */
class Pair {
  readonly there = new TestPath(5_000);
  readonly back = new TestPath(6_000);
  readonly dead = new TestPath(7_000);
  readonly 1 = this.#table();
  readonly 2 = this.#table();
  readonly events: string[] = [];
  now = 1_000;

  #table(): TransportTable {
    return new TransportTable({
      ...{ certificate: workerCertificate, dtlsCrypto, srtpCrypto, iceCrypto: stunCrypto },
      ...{ gates: new HandshakeGates(), sink: new DirectSink() },
    });
  }

  add(which: 1 | 2, given: TransportParameters, paths?: readonly MediaPath[]): void {
    const say = (text: string): number => this.events.push(`${which} ${text}`);
    const ports = {
      ...{ connected: () => say("connected"), lost: () => say("lost"), closed: () => say("closed") },
      rtp: () => {},
      rtcp: (compound: Uint8Array) => say(`rtcp ${compound.length}`),
    };
    const peer = this[which].add(given, ports, this.now, paths);
    this.send[which] = (bytes) => peer.sendRtcp(bytes);
  }

  readonly send: Record<1 | 2, (bytes: Uint8Array) => boolean> = { 1: () => false, 2: () => false };

  run(ms: number): void {
    for (const end = this.now + ms; this.now < end; this.now += 10) {
      for (const bytes of this.there.sent.splice(0)) this[2].datagram(bytes, this.back, this.now);
      for (const bytes of this.back.sent.splice(0)) this[1].datagram(bytes, this.there, this.now);
      this[1].tick(this.now);
      this[2].tick(this.now);
    }
  }
}

test.each(["client", "server"] as const)(
  "reaches a lite agent behind a candidate that is dead, as the DTLS %s",
  (role) => {
    const pair = new Pair();
    pair.add(2, parameters(theirs, ours, role === "client" ? "server" : "client"));
    pair.add(1, parameters(ours, theirs, role), [pair.dead, pair.there]);
    pair.run(3_000);
    expect(pair.events.toSorted()).toEqual(["1 connected", "2 connected"]);
    expect(pair.send[1](Uint8Array.of(0x80, 201, 0, 1, 0, 0, 4, 0x57))).toBe(true);
    pair.run(50);
    expect(pair.events).toContain("2 rtcp 8");
    // The dead one isn't checked any more.
    pair.dead.sent.length = 0;
    pair.run(60_000);
    expect(pair.dead.sent).toEqual([]);
    expect(pair.events).not.toContain("1 lost");
  },
);

test("gives up a peer that never answers, and was sent a bounded number of checks", () => {
  const pair = new Pair();
  pair.add(1, parameters(ours, theirs, "client"), [pair.dead]);
  pair.run(60_000);
  expect(pair.events).toEqual(["1 closed"]);
  expect(pair.dead.sent.length).toBeLessThan(700);
});

test("answers the checks of a full agent, and tells one that is controlling too of the conflict", () => {
  const pair = new Pair();
  pair.add(1, parameters(ours, theirs, "client"), [pair.there]);
  const peer = new TestPeer(1, "client", () => {});
  Object.assign(peer, { ufrag: theirs.ufrag, workerUfrag: ours.ufrag, workerPwd: ours.pwd });
  const answerTo = (controlled: boolean, path = new TestPath(8_000)): StunMessage | undefined => {
    pair[1].datagram(peer.check({ controlled, nominate: false }), path, pair.now);
    return parseMessage(path.sent[0] ?? new Uint8Array());
  };
  expect(answerTo(true)?.class).toBe("success");
  const refused = answerTo(false);
  expect(refused?.class).toBe("error");
  expect(decodeErrorCode(refused?.value(attribute.errorCode) ?? new Uint8Array())?.code).toBe(487);
  // Nothing is kept of a path that we don't check.
  const stranger = new TestPath(8_001);
  answerTo(true, stranger);
  expect([stranger.kept, stranger.owner]).toEqual([false, undefined]);
});
