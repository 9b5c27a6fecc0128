import { fail, ok } from "../../shared/result.ts";
import type { SrtpProfile } from "../srtp/profile.ts";
import { sameBytes } from "./bytes.ts";
import type { PublicKey } from "./certificate.ts";
import { type CipherSuite, serverSuites } from "./cipher-suite.ts";
import { type ClientHello, parseClientHello, randomBytes, randomOf } from "./client-hello.ts";
import type { KeyShare } from "./crypto.ts";
import type { FailureReason } from "./failure.ts";
import type { Flight } from "./flight.ts";
import { chooseGroup, groupOf, p256Group } from "./group.ts";
import type { Handshake, HandshakeSettings, Outcome } from "./handshake.ts";
import {
  certificateRequest,
  checkCertificateVerify,
  encodeCertificate,
  encodeKeyParameters,
  encodeServerKeyExchange,
  parseCertificate,
  parseClientKeyExchange,
} from "./handshake-bodies.ts";
import { type HandshakeMessage, handshakeMessage, messageType } from "./handshake-message.ts";
import { KeySchedule, type Randoms } from "./key-schedule.ts";
import { encodeServerHello } from "./server-hello.ts";
import { ownScheme } from "./signature-scheme.ts";
import { Transcript } from "./transcript.ts";

/** What was agreed by the hellos. */
interface Agreed {
  readonly suite: CipherSuite;
  readonly srtpProfile: SrtpProfile;
  readonly randoms: Randoms;
  readonly share: KeyShare;
}

type State = "clientHello" | "certificate" | "clientKeyExchange" | "certificateVerify" | "finished" | "done";

/** The message that each state waits for. */
const expected: Readonly<Record<State, number | undefined>> = {
  clientHello: messageType.clientHello,
  certificate: messageType.certificate,
  clientKeyExchange: messageType.clientKeyExchange,
  certificateVerify: messageType.certificateVerify,
  finished: messageType.finished,
  done: undefined,
};

/** The passive side (RFC 5246 §7.3, with a client certificate). A key pair is made, and a signature, when a ClientHello fits. */
export class ServerHandshake implements Handshake {
  readonly #settings: HandshakeSettings;
  readonly #transcript = new Transcript();
  #state: State = "clientHello";
  /** The client's next message. */
  #next = 0;
  #agreed: Agreed | undefined;
  /** Messages of the transcript that a rewind keeps. */
  #kept = 0;
  #peerKey: PublicKey | undefined;
  #schedule: KeySchedule | undefined;

  constructor(settings: HandshakeSettings) {
    this.#settings = settings;
  }

  get expects(): readonly number[] {
    return [this.#next];
  }

  /** True before a ClientHello was taken. */
  get isFresh(): boolean {
    return this.#agreed === undefined;
  }

  /** True when the ClientHello that was taken is there once more. */
  isRepeat(hello: HandshakeMessage): boolean {
    return this.#agreed !== undefined && sameBytes(randomOf(hello.body), this.#agreed.randoms.client);
  }

  take(message: HandshakeMessage): Outcome {
    if (message.type !== expected[this.#state]) return fail("unexpectedMessage");
    const outcome = this.#take(message);
    if (outcome.ok) this.#next = message.sequence + 1;
    return outcome;
  }

  rewind(): void {
    if (this.#state === "clientHello" || this.#state === "finished" || this.#state === "done") return;
    this.#state = "certificate";
    this.#next = 1;
    this.#transcript.truncate(this.#kept);
    this.#schedule?.wipe();
    this.#schedule = undefined;
  }

  wipe(): void {
    this.#transcript.wipe();
    this.#schedule?.wipe();
    this.#schedule = undefined;
    this.#agreed = undefined;
    this.#state = "done";
  }

  #take(message: HandshakeMessage): Outcome {
    if (this.#state === "clientHello") return this.#clientHello(message);
    const agreed = this.#agreed as Agreed;
    if (this.#state === "certificate") return this.#certificate(message);
    if (this.#state === "clientKeyExchange") return this.#clientKeyExchange(message, agreed);
    if (this.#state === "certificateVerify") return this.#certificateVerify(message, agreed);
    return this.#finished(message, agreed);
  }

  #clientHello(message: HandshakeMessage): Outcome {
    const parsed = parseClientHello(message.body);
    if (!parsed.ok) return parsed;
    const hello = parsed.value;
    const { crypto, srtpProfiles } = this.#settings;
    const suite = serverSuites.find(({ number }) => hello.suites.includes(number));
    if (suite === undefined) return fail("cipherSuite");
    // The groups restrict the curve of our certificate as well (RFC 8422 §5.1.1).
    const group = hello.groups.includes(p256Group) ? chooseGroup(hello.groups) : undefined;
    if (group === undefined) return fail("group");
    if (!hello.signatureSchemes.includes(ownScheme)) return fail("signatureScheme");
    const srtpProfile = srtpProfiles.find((profile) => hello.srtpProfiles.includes(profile));
    if (srtpProfile === undefined) return fail("srtpProfile");

    const randoms = { client: hello.random, server: crypto.random(randomBytes) };
    const share = crypto.keyShare(groupOf(group) ?? "p256");
    const agreed = { suite, srtpProfile, randoms, share };
    this.#agreed = agreed;
    const flight = this.#helloFlight(agreed, hello, group);
    this.#transcript.add(message, ...flight.plain);
    this.#kept = this.#transcript.length;
    this.#state = "certificate";
    return ok({ flight });
  }

  /** ServerHello, Certificate, ServerKeyExchange, CertificateRequest, ServerHelloDone. */
  #helloFlight({ suite, srtpProfile, randoms, share }: Agreed, hello: ClientHello, group: number): Flight {
    const { certificate } = this.#settings;
    const parameters = encodeKeyParameters(group, share.publicKey);
    const signature = certificate.sign([randoms.client, randoms.server, parameters]);
    const bodies: readonly (readonly [number, Uint8Array])[] = [
      [messageType.serverHello, encodeServerHello({ random: randoms.server, suite, srtpProfile }, hello)],
      [messageType.certificate, encodeCertificate(certificate.der)],
      [messageType.serverKeyExchange, encodeServerKeyExchange(parameters, signature)],
      [messageType.certificateRequest, certificateRequest],
      [messageType.serverHelloDone, new Uint8Array(0)],
    ];
    return { plain: bodies.map(([type, body], sequence) => handshakeMessage(type, sequence, body)) };
  }

  #certificate(message: HandshakeMessage): Outcome {
    const { crypto, remoteFingerprints } = this.#settings;
    const key = parseCertificate(message.body, remoteFingerprints, crypto);
    if (!key.ok) return key;
    this.#peerKey = key.value;
    this.#transcript.add(message);
    this.#state = "clientKeyExchange";
    return ok({});
  }

  #clientKeyExchange(message: HandshakeMessage, { suite, randoms, share }: Agreed): Outcome {
    const { crypto } = this.#settings;
    const peerKey = parseClientKeyExchange(message.body);
    if (peerKey === undefined) return fail("malformed");
    const premaster = share.agree(peerKey);
    if (premaster === undefined) return fail("keyShare");
    this.#transcript.add(message);
    const sessionHash = this.#transcript.hash(crypto, suite.hash);
    this.#schedule = new KeySchedule(crypto, suite.hash, randoms, premaster, sessionHash);
    this.#state = "certificateVerify";
    return ok({});
  }

  #certificateVerify(message: HandshakeMessage, { suite }: Agreed): Outcome {
    const { crypto } = this.#settings;
    const key = this.#peerKey as PublicKey;
    const wrong = checkCertificateVerify(message.body, key, this.#transcript.messages, crypto);
    if (wrong !== undefined) return fail(wrong);
    this.#transcript.add(message);
    this.#state = "finished";
    return ok({ recordKeys: this.#keys.recordKeys("server", suite.keyBytes) });
  }

  #finished(message: HandshakeMessage, { suite, srtpProfile }: Agreed): Outcome {
    const wrong = this.#checkFinished(message, suite);
    if (wrong !== undefined) return fail(wrong);
    const { crypto } = this.#settings;
    this.#transcript.add(message);
    const verifyData = this.#keys.verifyData("server", this.#transcript.hash(crypto, suite.hash));
    // It follows ServerHelloDone, which was message 4.
    const sealed = handshakeMessage(messageType.finished, 5, verifyData);
    const srtp = { profile: srtpProfile, keys: this.#keys.srtpKeys(srtpProfile) };
    this.#state = "done";
    return ok({ flight: { plain: [], sealed }, srtp });
  }

  #checkFinished(message: HandshakeMessage, suite: CipherSuite): FailureReason | undefined {
    const { crypto } = this.#settings;
    const verifyData = this.#keys.verifyData("client", this.#transcript.hash(crypto, suite.hash));
    return crypto.equal(verifyData, message.body) ? undefined : "finished";
  }

  get #keys(): KeySchedule {
    return this.#schedule as KeySchedule;
  }
}
