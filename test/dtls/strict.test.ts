import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { dtlsCrypto } from "../../src/net/dtls-crypto.ts";
import { ByteReader, concat, u16, vector8, vector16, vector24 } from "../../src/wire/dtls/bytes.ts";
import { encodeExtensions, readExtensions } from "../../src/wire/dtls/extensions.ts";
import type { FailureReason } from "../../src/wire/dtls/failure.ts";
import { isFinished, type Message, message, messagesIn, rewriting } from "./support/forge.ts";
import {
  clientCertificate,
  otherCertificate,
  Pair,
  type PairOptions,
  Side,
  serverCertificate,
} from "./support/pair.ts";

const extension = {
  groups: 10,
  pointFormats: 11,
  signatureSchemes: 13,
  useSrtp: 14,
  padding: 21,
  extendedMasterSecret: 23,
  sessionTicket: 35,
  versions: 43,
  renegotiation: 0xff01,
};
const empty = new Uint8Array(0);

/** The parts of a ClientHello. */
interface Hello {
  readonly version: number;
  readonly cookie: Uint8Array;
  readonly sessionId: Uint8Array;
  readonly suites: readonly number[];
  readonly compression: Uint8Array;
  readonly extensions: readonly (readonly [number, Uint8Array])[];
  readonly trailer: Uint8Array;
}

/** Our own ClientHello with a change, as the body of a message. */
function clientHello(change: (hello: Hello) => Partial<Hello> = () => ({})): Uint8Array {
  const client = new Side("client");
  client.session.start(0);
  const reader = new ByteReader(messagesIn(client.take())[0]?.body ?? empty);
  const version = reader.u16();
  const random = reader.bytes(32);
  const own: Hello = {
    version,
    sessionId: reader.vector8(),
    cookie: reader.vector8(),
    suites: numbers(reader.vector16()),
    compression: reader.vector8(),
    extensions: [...(readExtensions(reader) ?? [])],
    trailer: empty,
  };
  const hello = { ...own, ...change(own) };
  const { sessionId, cookie, suites, compression, extensions, trailer } = hello;
  return concat(
    u16(hello.version),
    random,
    vector8(sessionId),
    vector8(cookie),
    vector16(u16(...suites)),
    vector8(compression),
    encodeExtensions(extensions),
    trailer,
  );
}

function numbers(bytes: Uint8Array): number[] {
  return Array.from(
    { length: bytes.length / 2 },
    (_, at) => ((bytes[2 * at] ?? 0) << 8) | (bytes[2 * at + 1] ?? 0),
  );
}

/** A change of an extension's value; undefined takes it out. */
function set(type: number, value: Uint8Array | undefined) {
  return ({ extensions }: Hello): Partial<Hello> => {
    const others = extensions.filter(([one]) => one !== type);
    return { extensions: value === undefined ? others : [...others, [type, value]] };
  };
}

/** What a server says to the hello. */
function answer(
  body: Uint8Array,
  options = {},
): { readonly answered: Message[]; readonly failure: FailureReason | undefined } {
  const server = new Side("server", options);
  server.session.receive(message(1, 0, body), 0);
  const answered = messagesIn(server.take());
  // It tells why when its patience ends.
  for (let n = 0; n < 4; n++) server.session.receive(message(1, 0, body), 1);
  return { answered, failure: server.closed?.kind === "failure" ? server.closed.failure : undefined };
}

function refused(body: Uint8Array, failure: FailureReason, options = {}): void {
  assert.deepEqual(answer(body, options), { answered: [], failure });
}

function taken(body: Uint8Array, options = {}): Message[] {
  const { answered } = answer(body, options);
  assert.equal(answered.length, 5);
  return answered;
}

/** The extensions of the ServerHello. */
function serverExtensions(answered: readonly Message[]): ReadonlyMap<number, Uint8Array> {
  const body = answered[0]?.body ?? empty;
  return readExtensions(new ByteReader(body.subarray(38))) ?? new Map();
}

describe("rule 13: strict parsing of a ClientHello", () => {
  const wrong: Record<string, readonly [FailureReason, (hello: Hello) => Partial<Hello>]> = {
    "of DTLS 1.0": ["version", () => ({ version: 0xfeff })],
    "of TLS 1.2": ["version", () => ({ version: 0x0303 })],
    "without null compression": ["compression", () => ({ compression: Uint8Array.of(1) })],
    "with trailing bytes": ["malformed", () => ({ trailer: new Uint8Array(40) })],
    "with an extension twice": [
      "malformed",
      (hello) => ({ extensions: [...hello.extensions, [extension.extendedMasterSecret, empty]] }),
    ],
    "with an unknown extension twice": [
      "malformed",
      (hello) => ({ extensions: [...hello.extensions, [0x1234, empty], [0x1234, empty]] }),
    ],
    "with a session id of 33 bytes": ["malformed", () => ({ sessionId: new Uint8Array(33) })],
    "with point formats but no uncompressed one": [
      "extension",
      set(extension.pointFormats, vector8(Uint8Array.of(1))),
    ],
    "with groups of an odd length": ["malformed", set(extension.groups, vector16(new Uint8Array(3)))],
    "with trailing bytes in an extension": [
      "malformed",
      set(extension.groups, concat(vector16(u16(29, 23)), new Uint8Array(1))),
    ],
    "with signature schemes beyond their extension": [
      "malformed",
      set(extension.signatureSchemes, u16(200, 0x0403)),
    ],
  };
  for (const [name, [failure, change]] of Object.entries(wrong))
    test(`one ${name} is refused`, () => refused(clientHello(change), failure));

  test("one that ends early is refused at every byte", () => {
    const body = clientHello();
    for (let end = 0; end < body.length; end++) {
      const { answered, failure } = answer(body.subarray(0, end));
      assert.equal(answered.length, 0);
      assert.ok(failure !== undefined, `cut at ${end}`);
    }
  });

  test("one with extensions that nobody knows is taken", () => {
    taken(
      clientHello(({ extensions }) => ({
        extensions: [...extensions, [0x0a0a, empty], [extension.padding, new Uint8Array(2_000)]],
      })),
    );
  });

  test("nothing is resumed: a session id and a cookie are skipped", () => {
    const answered = taken(
      clientHello(({ extensions }) => ({
        sessionId: new Uint8Array(32).fill(7),
        cookie: new Uint8Array(255),
        extensions: [...extensions, [extension.sessionTicket, new Uint8Array(100)]],
      })),
    );
    assert.equal(answered[0]?.body[34], 0);
    assert.equal(serverExtensions(answered).has(extension.sessionTicket), false);
  });

  test("one of more than 8 KB is dropped", () => {
    const { answered, failure } = answer(clientHello(set(extension.padding, new Uint8Array(8_100))));
    assert.deepEqual([answered, failure], [[], undefined]);
  });
});

/** What ends the client when the server's message is changed on its way. */
function clientFails(
  type: number,
  change: (body: Uint8Array) => Uint8Array | undefined,
  options: PairOptions = {},
) {
  const toClient = rewriting((one) => {
    const body = one.type === type ? change(one.body) : one.body;
    return body === undefined ? [] : [{ ...one, body }];
  });
  const pair = new Pair({ ...options, toClient }).run(11_000);
  assert.equal(pair.client.established, undefined);
  assert.equal(pair.server.established, undefined);
  const { closed } = pair.client;
  return closed?.kind === "failure" || closed?.kind === "timeout" ? closed.failure : closed?.kind;
}

/** The same for the server. */
function serverFails(
  type: number,
  change: (body: Uint8Array) => Uint8Array | undefined,
  options: PairOptions = {},
) {
  const toServer = rewriting((one) => {
    const body = one.type === type ? change(one.body) : one.body;
    return body === undefined ? [] : [{ ...one, body }];
  });
  const pair = new Pair({ ...options, toServer }).run(11_000);
  assert.equal(pair.client.established, undefined);
  assert.equal(pair.server.established, undefined);
  const { closed } = pair.server;
  return closed?.kind === "failure" || closed?.kind === "timeout" ? closed.failure : closed?.kind;
}

const changed =
  (at: number, ...bytes: number[]) =>
  (body: Uint8Array) => {
    const copy = body.slice();
    copy.set(bytes, at < 0 ? copy.length + at : at);
    return copy;
  };
const withExtension =
  (type: number, value: Uint8Array | undefined) =>
  (body: Uint8Array): Uint8Array => {
    const extensions = [...(readExtensions(new ByteReader(body.subarray(38))) ?? [])].filter(
      ([one]) => one !== type,
    );
    if (value !== undefined) extensions.push([type, value]);
    return concat(body.subarray(0, 38), encodeExtensions(extensions));
  };

describe("rule 13: strict parsing of a ServerHello", () => {
  const wrong: Record<string, readonly [FailureReason, (body: Uint8Array) => Uint8Array]> = {
    "of DTLS 1.0": ["version", changed(0, 0xfe, 0xff)],
    "with compression": ["compression", changed(37, 1)],
    "with trailing bytes": ["malformed", (body) => concat(body, new Uint8Array(3))],
    "with an extension that was not offered": ["extension", withExtension(extension.sessionTicket, empty)],
    "that speaks of versions": ["extension", withExtension(extension.versions, u16(0xfefc))],
    "with extended master secret that is not empty": [
      "malformed",
      withExtension(extension.extendedMasterSecret, new Uint8Array(1)),
    ],
  };
  for (const [name, [failure, change]] of Object.entries(wrong))
    test(`one ${name} is refused`, () => assert.equal(clientFails(2, change), failure));
});

describe("rule 13: strict parsing of the other messages", () => {
  const longer = (body: Uint8Array) => concat(body, new Uint8Array(1));
  const shorter = (body: Uint8Array) => body.subarray(0, -1);
  for (const [name, type] of Object.entries({
    Certificate: 11,
    ServerKeyExchange: 12,
    CertificateRequest: 13,
  }))
    test(`a server's ${name} with a byte too many or too few is refused`, () => {
      assert.equal(clientFails(type, longer), "malformed");
      assert.equal(clientFails(type, shorter), "malformed");
    });
  test("a ServerHelloDone that is not empty is refused", () =>
    assert.equal(clientFails(14, longer), "malformed"));
  for (const [name, type] of Object.entries({
    Certificate: 11,
    ClientKeyExchange: 16,
    CertificateVerify: 15,
  }))
    test(`a client's ${name} with a byte too many or too few is refused`, () => {
      assert.equal(serverFails(type, longer), "malformed");
      assert.equal(serverFails(type, shorter), "malformed");
    });
});

describe("rule 14: renegotiation", () => {
  test("a client without renegotiation_info and SCSV is taken, and gets no answer to it", () => {
    const answered = taken(clientHello(set(extension.renegotiation, undefined)));
    assert.equal(serverExtensions(answered).has(extension.renegotiation), false);
  });

  test("SCSV is answered, and so is an empty renegotiation_info", () => {
    const scsv = clientHello((hello) => ({
      ...set(extension.renegotiation, undefined)(hello),
      suites: [...hello.suites, 0x00ff],
    }));
    for (const body of [scsv, clientHello()])
      assert.deepEqual(serverExtensions(taken(body)).get(extension.renegotiation), Uint8Array.of(0));
  });

  test("one that is not empty is refused by both sides", () => {
    const value = vector8(new Uint8Array(12));
    refused(clientHello(set(extension.renegotiation, value)), "renegotiation");
    assert.equal(clientFails(2, withExtension(extension.renegotiation, value)), "renegotiation");
  });
});

describe("rule 15: extended master secret is required", () => {
  test("of a client", () => {
    refused(clientHello(set(extension.extendedMasterSecret, undefined)), "extendedMasterSecret");
    refused(clientHello(set(extension.extendedMasterSecret, Uint8Array.of(9))), "malformed");
  });
  test("of a server", () => {
    assert.equal(
      clientFails(2, withExtension(extension.extendedMasterSecret, undefined)),
      "extendedMasterSecret",
    );
  });
});

describe("rule 16: keys leave only after certificate, signature and Finished", () => {
  test("a client without a certificate is refused", () => {
    assert.equal(
      serverFails(11, () => vector24()),
      "certificate",
    );
    assert.equal(
      serverFails(11, () => undefined),
      undefined,
    );
  });
  test("a client with the certificate, but another key, is refused", () => {
    const certificate = { der: clientCertificate.der, sign: otherCertificate.sign };
    assert.equal(
      serverFails(99, () => undefined, { client: { certificate } }),
      "signature",
    );
  });
  test("a client that signs nothing is never taken", () => {
    assert.equal(
      serverFails(15, () => undefined),
      undefined,
    );
  });
  test("a client that signs before its key exchange is refused", () => {
    const pair = new Pair({
      toServer: rewriting((one) => {
        if (one.type === 16) return [{ ...one, sequence: 3 }];
        return one.type === 15 ? [{ ...one, sequence: 2 }] : [one];
      }),
    }).run(11_000);
    assert.deepEqual(pair.server.closed, { kind: "failure", failure: "unexpectedMessage" });
  });
  test("a server with the certificate, but another key, is refused", () => {
    const certificate = { der: serverCertificate.der, sign: otherCertificate.sign };
    assert.equal(
      clientFails(99, () => undefined, { server: { certificate } }),
      "signature",
    );
  });
  test("a server whose signature or request for a certificate doesn't come is never taken", () => {
    assert.equal(
      clientFails(12, () => undefined),
      undefined,
    );
    assert.equal(
      clientFails(13, () => undefined),
      undefined,
    );
  });
  test("a server that asks for no certificate like ours is refused", () => {
    const request = (types: number[], schemes: number[]) =>
      concat(vector8(Uint8Array.from(types)), vector16(u16(...schemes)), vector16());
    assert.equal(
      clientFails(13, () => request([1], [0x0403])),
      "certificateRequest",
    );
    assert.equal(
      clientFails(13, () => request([64], [0x0401])),
      "certificateRequest",
    );
  });
  for (const role of ["client", "server"] as const)
    test(`a wrong Finished of the ${role} ends the session, with an alert that is believed`, () => {
      const hmac: typeof dtlsCrypto.hmac = (hash, key, parts) => {
        const mac = dtlsCrypto.hmac(hash, key, parts);
        const isOurs = Buffer.concat([...parts]).includes(`${role} finished`);
        return isOurs ? changed(0, (mac[0] ?? 0) ^ 1)(mac) : mac;
      };
      const pair = new Pair({ [role]: { crypto: { ...dtlsCrypto, hmac } } }).run(100);
      const other = role === "client" ? pair.server : pair.client;
      assert.deepEqual(other.closed, { kind: "failure", failure: "finished" });
      assert.equal(other.established, undefined);
      if (role === "server") assert.deepEqual(pair.server.closed, { kind: "alert", alert: 51 });
    });
  test("before the other's Finished neither has keys", () => {
    const pair = new Pair({ toServer: (bytes) => (isFinished(bytes) ? [] : [bytes]) }).run(11_000);
    assert.equal(pair.server.established, undefined);
    assert.equal(pair.client.established, undefined);
  });
});

describe("rule 17: suites, groups and signatures", () => {
  test("a client that offers no suite for P-256 certificates is refused", () => {
    refused(
      clientHello(() => ({ suites: [0xc02f, 0xc013, 0x1301, 0xc009] })),
      "cipherSuite",
    );
  });
  test("AES-128 is chosen before AES-256, and that where it is alone", () => {
    const chosen = (...suites: number[]) =>
      taken(clientHello(() => ({ suites: suites })))[0]?.body.subarray(35, 37);
    assert.deepEqual(chosen(0xc02c, 0xc02b), Uint8Array.of(0xc0, 0x2b));
    assert.deepEqual(chosen(0xc02f, 0xc02c), Uint8Array.of(0xc0, 0x2c));
  });
  test("X25519 is chosen before P-256, GREASE and ML-KEM are skipped", () => {
    const chosen = (...groups: number[]) =>
      taken(clientHello(set(extension.groups, vector16(u16(...groups)))))[2]?.body.subarray(0, 3);
    assert.deepEqual(chosen(0x0a0a, 0x11ec, 23, 29), Uint8Array.of(3, 0, 29));
    assert.deepEqual(chosen(0x0a0a, 24, 23), Uint8Array.of(3, 0, 23));
  });
  test("a client without groups in common, or whose groups exclude our certificate, is refused", () => {
    for (const groups of [[24, 25, 0x11ec], [29], []])
      refused(clientHello(set(extension.groups, vector16(u16(...groups)))), "group");
    refused(clientHello(set(extension.groups, undefined)), "group");
  });
  test("a client that does not take ECDSA with P-256 and SHA-256 is refused", () => {
    refused(
      clientHello(set(extension.signatureSchemes, vector16(u16(0x0804, 0x0503, 0x0203)))),
      "signatureScheme",
    );
    refused(clientHello(set(extension.signatureSchemes, undefined)), "signatureScheme");
  });
  test("a server that chooses what was not offered is refused", () => {
    assert.equal(clientFails(2, changed(35, 0xc0, 0x2c)), "cipherSuite");
    assert.equal(clientFails(12, changed(0, 1)), "group");
    assert.equal(clientFails(12, changed(2, 24)), "group");
  });
  test("a server whose key does not match the suite is refused", () => {
    assert.equal(clientFails(2, changed(35, 0xc0, 0x2f)), "certificate");
  });
  test("a signature by a scheme that does not match the key is refused", () => {
    assert.equal(serverFails(15, changed(0, 0x08, 0x04)), "signatureScheme");
    assert.equal(serverFails(15, changed(0, 0x02, 0x03)), "signatureScheme");
    const flipped = (body: Uint8Array): Uint8Array => {
      const other = body.slice();
      other[other.length - 1] = (other.at(-1) ?? 0) ^ 1;
      return other;
    };
    assert.equal(serverFails(15, flipped), "signature");
  });
  for (const [name, key] of Object.entries({
    "of the other group": new Uint8Array(65).fill(4),
    "of 31 bytes": new Uint8Array(31).fill(9),
    "that makes the secret zero": new Uint8Array(32),
    "that is empty": empty,
  }))
    test(`a key exchange with a key ${name} is refused`, () => {
      assert.equal(
        serverFails(16, () => vector8(key)),
        "keyShare",
      );
    });
});

describe("rule 21: use_srtp", () => {
  const offers = (value: Uint8Array | undefined) => clientHello(set(extension.useSrtp, value));
  const list = (...profiles: number[]) => concat(vector16(u16(...profiles)), vector8());
  test("a server picks AES-GCM first", () => {
    const chosen = (...profiles: number[]) =>
      serverExtensions(taken(offers(list(...profiles)))).get(extension.useSrtp);
    assert.deepEqual(chosen(1, 2, 8, 7), list(7));
    assert.deepEqual(chosen(1, 8), list(8));
    assert.deepEqual(chosen(2, 1), list(1));
  });
  test("an MKI of the client is answered by an empty one", () => {
    const value = concat(vector16(u16(7)), vector8(new Uint8Array(4)));
    assert.deepEqual(serverExtensions(taken(offers(value))).get(extension.useSrtp), list(7));
  });
  test("without it, with an empty list or nothing in common, a client is refused", () => {
    refused(offers(undefined), "srtpProfile");
    refused(offers(list(2, 5, 6)), "srtpProfile");
    refused(offers(list()), "malformed");
    refused(offers(vector16(u16(7))), "malformed");
  });
  test("a client takes exactly one profile of those offered, without an MKI", () => {
    const fails = (value: Uint8Array | undefined) => clientFails(2, withExtension(extension.useSrtp, value));
    assert.equal(fails(undefined), "srtpProfile");
    assert.equal(fails(list(8)), "srtpProfile");
    assert.equal(fails(list(7, 1)), "srtpProfile");
    assert.equal(fails(concat(vector16(u16(7)), vector8(new Uint8Array(1)))), "srtpProfile");
  });
});

describe("rule 24: supported_versions", () => {
  const versions = (...numbers: number[]) => clientHello(set(extension.versions, vector8(u16(...numbers))));
  test("with DTLS 1.2 among others it is taken", () => {
    const answered = taken(versions(0x0a0a, 0xfefc, 0xfefd));
    assert.equal(serverExtensions(answered).has(extension.versions), false);
  });
  test("without DTLS 1.2 it is refused", () => refused(versions(0xfefc), "version"));
  test("and it must be well-formed", () =>
    refused(clientHello(set(extension.versions, u16(0xfefd))), "malformed"));
});
