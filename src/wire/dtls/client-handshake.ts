import { fail, ok } from "../../shared/result.ts";
import type { PublicKey } from "./certificate.ts";
import { encodeClientHello, randomBytes } from "./client-hello.ts";
import type { FailureReason } from "./failure.ts";
import type { Flight } from "./flight.ts";
import { groupOf, groups } from "./group.ts";
import type { Handshake, HandshakeSettings, Outcome } from "./handshake.ts";
import {
  checkCertificateRequest,
  checkSignature,
  encodeCertificate,
  encodeClientKeyExchange,
  encodeSigned,
  parseCertificate,
  parseHelloVerifyRequest,
  parseServerKeyExchange,
} from "./handshake-bodies.ts";
import { type HandshakeMessage, handshakeMessage, messageType } from "./handshake-message.ts";
import { KeySchedule, type Randoms } from "./key-schedule.ts";
import { parseServerHello, type ServerHello } from "./server-hello.ts";
import { Transcript } from "./transcript.ts";

/** The server's ephemeral key, which it has signed. */
interface ServerShare {
  readonly group: number;
  readonly publicKey: Uint8Array;
}

type State =
  | "serverHello"
  | "certificate"
  | "serverKeyExchange"
  | "certificateRequest"
  | "serverHelloDone"
  | "finished"
  | "done";

/** The message that each state waits for. */
const expected: Readonly<Record<State, number | undefined>> = {
  serverHello: messageType.serverHello,
  certificate: messageType.certificate,
  serverKeyExchange: messageType.serverKeyExchange,
  certificateRequest: messageType.certificateRequest,
  serverHelloDone: messageType.serverHelloDone,
  finished: messageType.finished,
  done: undefined,
};

/** The active side (RFC 5246 §7.3, with a client certificate). */
export class ClientHandshake implements Handshake {
  readonly #settings: HandshakeSettings;
  readonly #random: Uint8Array;
  /** The ClientHello, and the one with a cookie once that was asked for. A ServerHello answers the one of its sequence number. */
  readonly #hellos: HandshakeMessage[];
  readonly #transcript = new Transcript();
  #state: State = "serverHello";
  /** The server's next message after ServerHello. */
  #next = 0;
  /** Our next message after ClientHello. */
  #nextSent = 1;
  #hello: ServerHello | undefined;
  #peerKey: PublicKey | undefined;
  #peerShare: ServerShare | undefined;
  #schedule: KeySchedule | undefined;

  constructor(settings: HandshakeSettings) {
    this.#settings = settings;
    this.#random = settings.crypto.random(randomBytes);
    this.#hellos = [this.#clientHello(0, new Uint8Array(0))];
  }

  /** The first flight. */
  start(): Flight {
    return { plain: this.#hellos };
  }

  get expects(): readonly number[] {
    if (this.#state !== "serverHello") return [this.#next];
    return this.#hellos.map(({ sequence }) => sequence);
  }

  take(message: HandshakeMessage): Outcome {
    if (this.#state === "serverHello" && message.type === messageType.helloVerifyRequest)
      return this.#helloVerifyRequest(message);
    if (message.type !== expected[this.#state] && !this.#asksForNothing(message))
      return fail("unexpectedMessage");
    const outcome = this.#take(message);
    if (outcome.ok) this.#next = message.sequence + 1;
    return outcome;
  }

  rewind(): void {
    if (this.#state === "finished" || this.#state === "done") return;
    this.#state = "serverHello";
    this.#transcript.truncate(0);
  }

  wipe(): void {
    this.#transcript.wipe();
    this.#schedule?.wipe();
    this.#schedule = undefined;
    this.#state = "done";
  }

  #take(message: HandshakeMessage): Outcome {
    if (this.#state === "serverHello") return this.#serverHello(message);
    const hello = this.#hello as ServerHello;
    if (this.#state === "certificate") return this.#certificate(message, hello);
    if (this.#state === "serverKeyExchange") return this.#serverKeyExchange(message, hello);
    if (this.#asksForNothing(message)) return this.#serverHelloDone(message, hello, false);
    if (this.#state === "certificateRequest") return this.#certificateRequest(message);
    if (this.#state === "serverHelloDone") return this.#serverHelloDone(message, hello, true);
    return this.#finished(message, hello);
  }

  /**
   * A server that wants no certificate of ours, as FFmpeg's WHIP muxer, ends its flight without a request (RFC 5246 §7.3). It doesn't know then
   * whom it sends to; we know it by its certificate all the same.
   */
  #asksForNothing({ type }: HandshakeMessage): boolean {
    return this.#state === "certificateRequest" && type === messageType.serverHelloDone;
  }

  /** The first one is obeyed, others are ignored: anybody can forge them (RFC 6347 §4.2.1). */
  #helloVerifyRequest(message: HandshakeMessage): Outcome {
    if (this.#hellos.length > 1) return ok({});
    const cookie = parseHelloVerifyRequest(message.body);
    if (cookie === undefined) return fail("malformed");
    const hello = this.#clientHello(1, cookie);
    this.#hellos.push(hello);
    return ok({ flight: { plain: [hello] } });
  }

  #serverHello(message: HandshakeMessage): Outcome {
    const parsed = parseServerHello(message.body, this.#settings.srtpProfiles);
    if (!parsed.ok) return parsed;
    this.#hello = parsed.value;
    // Where there was a cookie, only the ClientHello with it counts (RFC 6347 §4.2.1).
    const answered = this.#hellos[message.sequence] as HandshakeMessage;
    this.#nextSent = answered.sequence + 1;
    this.#transcript.add(answered, message);
    this.#state = "certificate";
    return ok({});
  }

  #certificate(message: HandshakeMessage, { suite }: ServerHello): Outcome {
    const { crypto, remoteFingerprints } = this.#settings;
    const key = parseCertificate(message.body, remoteFingerprints, crypto);
    if (!key.ok) return key;
    if (key.value.type !== suite.serverKey) return fail("certificate");
    this.#peerKey = key.value;
    this.#transcript.add(message);
    this.#state = "serverKeyExchange";
    return ok({});
  }

  #serverKeyExchange(message: HandshakeMessage, hello: ServerHello): Outcome {
    const parsed = parseServerKeyExchange(message.body);
    if (!parsed.ok) return parsed;
    const { group, publicKey, parameters, scheme, signature } = parsed.value;
    if (!groups.includes(group)) return fail("group");
    const signed = [this.#random, hello.random, parameters];
    const wrong = checkSignature(
      scheme,
      this.#peerKey as PublicKey,
      signed,
      signature,
      this.#settings.crypto,
    );
    if (wrong !== undefined) return fail(wrong);
    this.#peerShare = { group, publicKey };
    this.#transcript.add(message);
    this.#state = "certificateRequest";
    return ok({});
  }

  #certificateRequest(message: HandshakeMessage): Outcome {
    const wrong = checkCertificateRequest(message.body);
    if (wrong !== undefined) return fail(wrong);
    this.#transcript.add(message);
    this.#state = "serverHelloDone";
    return ok({});
  }

  /** It is answered with ClientKeyExchange and Finished, and where our certificate was asked for, with that and CertificateVerify. */
  #serverHelloDone(message: HandshakeMessage, { suite, random }: ServerHello, asked: boolean): Outcome {
    if (message.body.length > 0) return fail("malformed");
    const { crypto, certificate } = this.#settings;
    const peer = this.#peerShare as ServerShare;
    const share = crypto.keyShare(groupOf(peer.group) ?? "p256");
    const premaster = share.agree(peer.publicKey);
    if (premaster === undefined) return fail("keyShare");

    const plain: HandshakeMessage[] = [];
    const add = (type: number, body: Uint8Array): void => {
      const ours = handshakeMessage(type, this.#nextSent++, body);
      plain.push(ours);
      this.#transcript.add(ours);
    };
    this.#transcript.add(message);
    if (asked) add(messageType.certificate, encodeCertificate(certificate.der));
    add(messageType.clientKeyExchange, encodeClientKeyExchange(share.publicKey));
    const sessionHash = this.#transcript.hash(crypto, suite.hash);
    const randoms: Randoms = { client: this.#random, server: random };
    const schedule = new KeySchedule(crypto, suite.hash, randoms, premaster, sessionHash);
    if (asked) add(messageType.certificateVerify, encodeSigned(certificate.sign(this.#transcript.messages)));
    const verifyData = schedule.verifyData("client", this.#transcript.hash(crypto, suite.hash));
    const sealed = handshakeMessage(messageType.finished, this.#nextSent++, verifyData);
    this.#transcript.add(sealed);
    this.#schedule = schedule;
    this.#state = "finished";
    return ok({
      flight: { plain, sealed },
      recordKeys: schedule.recordKeys("client", suite.keyBytes),
    });
  }

  #finished(message: HandshakeMessage, { suite, srtpProfile }: ServerHello): Outcome {
    const wrong = this.#checkFinished(message, suite.hash);
    if (wrong !== undefined) return fail(wrong);
    this.#state = "done";
    return ok({ srtp: { profile: srtpProfile, keys: this.#keys.srtpKeys(srtpProfile) } });
  }

  #checkFinished(message: HandshakeMessage, hash: ServerHello["suite"]["hash"]): FailureReason | undefined {
    const { crypto } = this.#settings;
    const verifyData = this.#keys.verifyData("server", this.#transcript.hash(crypto, hash));
    return crypto.equal(verifyData, message.body) ? undefined : "finished";
  }

  get #keys(): KeySchedule {
    return this.#schedule as KeySchedule;
  }

  #clientHello(sequence: number, cookie: Uint8Array): HandshakeMessage {
    const body = encodeClientHello(this.#random, cookie, this.#settings.srtpProfiles);
    return handshakeMessage(messageType.clientHello, sequence, body);
  }
}
