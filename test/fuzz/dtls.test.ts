import { describe, expect, test } from "bun:test";
import { PathBudget } from "../../src/wire/dtls/path-budget.ts";
import { fragment, messagesOf, record, type } from "../dtls/support/forge.ts";
import { recordsOf, Side } from "../dtls/support/pair.ts";
import { Sealing } from "../dtls/support/sealing.ts";
import { anyBytes } from "./byte-mutation.ts";
import { almostDtls, handshakeContent } from "./dtls-input.ts";
import { chance, fuzzRounds, rounds } from "./target.ts";

const count = fuzzRounds(2_000);
/** What a session may keep of the peer: a handshake's worth of messages, and some early records. */
const mostBytes = 24 * 1024 + 4 * 48;
/** A session is used for so many inputs, so that their traces pile up. */
const inputsEach = 200;

/** A session somewhere in a handshake, and what its peer can seal for it. */
interface Station {
  readonly side: Side;
  readonly peer: Sealing;
}

/** Each message and each sealed record in a record of its own. */
function pieces(datagrams: readonly Uint8Array[]): Uint8Array[] {
  return datagrams.flatMap(recordsOf).flatMap((bytes) => {
    const messages = messagesOf(bytes);
    if (messages.length === 0) return [bytes];
    return messages.map((one) =>
      record(type.handshake, fragment(one.type, one.body.length, one.sequence, 0, one.body)),
    );
  });
}

function deliver(to: Side, records: readonly Uint8Array[], count = records.length): void {
  for (const bytes of records.slice(0, count)) to.session.receive(bytes, 0);
}

/** A server that has received so many records of its client, and a client that has received so many of its server. */
function handshake(forServer: number, forClient: number): { server: Station; client: Station } {
  const [serverSeals, clientSeals] = [new Sealing(), new Sealing()];
  const server = new Side("server", { crypto: serverSeals.crypto, path: new PathBudget(forServer > 0) });
  const client = new Side("client", { crypto: clientSeals.crypto });
  client.session.start(0);
  const hello = pieces(client.take());
  deliver(server, hello, forServer);
  // What the server says to it, whether it has received it or not.
  const answering = forServer > 0 ? server : new Side("server", { crypto: serverSeals.crypto });
  if (forServer === 0) deliver(answering, hello);
  deliver(client, pieces(answering.take()), forClient);
  deliver(server, pieces(client.sent), forServer - 1);
  if (forClient > 5) deliver(client, pieces(answering.take()));
  return { server: { side: server, peer: clientSeals }, client: { side: client, peer: serverSeals } };
}

const stations: Readonly<Record<string, () => Station>> = {
  "a server that waits": () => handshake(0, 5).server,
  "a server that has answered a ClientHello": () => handshake(1, 5).server,
  "a server with a certificate": () => handshake(2, 5).server,
  "a server with keys that it does not trust": () => handshake(3, 5).server,
  "a server that waits for Finished": () => handshake(4, 5).server,
  "a server that is established": () => handshake(6, 5).server,
  "a client that has begun": () => handshake(1, 0).client,
  "a client with a ServerHello": () => handshake(1, 1).client,
  "a client that knows the server's key": () => handshake(1, 3).client,
  "a client that waits for Finished": () => handshake(6, 5).client,
  "a client that is established": () => handshake(6, 6).client,
};

for (const [name, make] of Object.entries(stations))
  describe(name, () => {
    const expected = name.endsWith("established")
      ? "established"
      : name.endsWith("waits")
        ? "new"
        : "handshaking";

    test("takes any datagram without throwing, keeps little, and gives no keys", () => {
      let station = make();
      expect(station.side.session.state).toBe(expected);
      const random = chance();
      let left = inputsEach;
      for (const _ of rounds(count)) {
        if (left-- === 0 || station.side.session.state === "closed") {
          station = make();
          left = inputsEach;
        }
        const { session } = station.side;
        const ms = random.int(0, 200);
        session.receive(almostDtls(random), ms);
        session.tick(ms);
        station.side.take();
        expect(session.bufferedBytes).toBeLessThanOrEqual(mostBytes);
        if (expected === "established") expect(session.state).toBe("established");
        else expect(station.side.established).toBeUndefined();
        if (!session.path.proved)
          expect(session.path.bytesSent).toBeLessThanOrEqual(3 * session.path.bytesReceived);
      }
    });
  });

describe("a peer that is authenticated", () => {
  for (const [name, make] of Object.entries(stations))
    if (/Finished|established/.test(name))
      test(`may seal anything for ${name}`, () => {
        const random = chance();
        let station = make();
        let sequence = 10;
        for (const _ of rounds(count)) {
          if (station.side.session.state === "closed") station = make();
          const { session } = station.side;
          const contentType = random.chance(0.75) ? 22 : random.pick([20, 21, 23]);
          const content = random.chance(0.5) ? handshakeContent(random) : anyBytes(random, 60);
          session.receive(station.peer.record(contentType, sequence++, content.subarray(0, 16_000)), 0);
          station.side.take();
          expect(session.bufferedBytes).toBeLessThanOrEqual(mostBytes);
          if (!name.endsWith("established")) expect(station.side.established).toBeUndefined();
        }
      });
});
