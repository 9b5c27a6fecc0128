import { generateCertificate } from "../../../src/net/dtls-certificate.ts";
import { dtlsCrypto } from "../../../src/net/dtls-crypto.ts";
import { srtpCrypto } from "../../../src/net/srtp-crypto.ts";
import { stunCrypto } from "../../../src/net/stun-crypto.ts";
import type { CloseReason } from "../../../src/wire/dtls/close-reason.ts";
import { fingerprintOf, parseFingerprint } from "../../../src/wire/dtls/fingerprint.ts";
import { PathBudget } from "../../../src/wire/dtls/path-budget.ts";
import { DtlsSession } from "../../../src/wire/dtls/session.ts";
import { isRtcp, writeFixedHeader } from "../../../src/wire/rtp/packet.ts";
import type { SrtpProfile } from "../../../src/wire/srtp/profile.ts";
import { SrtpReceiver } from "../../../src/wire/srtp/receiver.ts";
import { type SealedPayload, SrtpSender } from "../../../src/wire/srtp/sender.ts";
import { attribute } from "../../../src/wire/stun/attribute-type.ts";
import { addFingerprint } from "../../../src/wire/stun/fingerprint.ts";
import { addIntegrity, checkIntegrity } from "../../../src/wire/stun/integrity.ts";
import { parseMessage, type StunMessage } from "../../../src/wire/stun/message.ts";
import { method } from "../../../src/wire/stun/message-type.ts";
import { decodeText, encodeText } from "../../../src/wire/stun/text.ts";
import {
  decodeXorAddress,
  encodeXorAddress,
  type TransportAddress,
} from "../../../src/wire/stun/transport-address.ts";
import { MessageWriter } from "../../../src/wire/stun/writer.ts";

const peerCertificate = generateCertificate(new Date());
export const workerCertificate = generateCertificate(new Date());

/** How a check differs from a right one. */
export interface CheckOptions {
  readonly nominate?: boolean;
  readonly password?: string;
  readonly username?: string;
  readonly controlled?: boolean;
  readonly fingerprint?: "none" | "wrong";
  /** An attribute that nobody knows. */
  readonly unknown?: number;
}

/** A browser's end of a transport, as far as tests need one: a controlling ICE agent, DTLS, and SRTP. It has no socket. */
export class TestPeer {
  ufrag: string;
  pwd: string;
  workerUfrag: string;
  workerPwd: string;
  readonly dtls: DtlsSession;
  readonly rtp: Uint8Array[] = [];
  readonly rtcp: Uint8Array[] = [];
  /** What the answers to our checks say. */
  readonly mapped: TransportAddress[] = [];
  readonly errors: StunMessage[] = [];
  /** Binding requests of the worker that were answered. */
  questions = 0;
  /** Whether Binding requests are answered. */
  answers = true;
  /** Sends by whatever path. */
  readonly send: (bytes: Uint8Array) => void;
  profile: SrtpProfile | undefined;
  closed: CloseReason | undefined;
  #sender: SrtpSender | undefined;
  #receiver: SrtpReceiver | undefined;

  constructor(
    number: number,
    workerRole: "client" | "server",
    send: (bytes: Uint8Array) => void,
    options: {
      readonly srtpProfiles?: readonly SrtpProfile[];
      readonly mtu?: number;
      /** Of the worker's certificate, where it isn't the one of these tests. */
      readonly fingerprint?: string;
    } = {},
  ) {
    this.send = send;
    this.ufrag = `peer${number}`;
    this.pwd = `peer-password-${number}-0123456789`;
    this.workerUfrag = `worker${number}`;
    this.workerPwd = `worker-password-${number}-0123456789`;
    const fingerprint = parseFingerprint(
      options.fingerprint ?? fingerprintOf(workerCertificate.der, dtlsCrypto),
    );
    if (fingerprint === undefined) throw new Error("our own fingerprint is malformed");
    this.dtls = new DtlsSession({
      ...options,
      role: workerRole === "server" ? "client" : "server",
      certificate: peerCertificate,
      remoteFingerprints: [fingerprint],
      crypto: dtlsCrypto,
      path: new PathBudget(true),
      ports: {
        send,
        established: ({ profile, local, remote }) => {
          this.profile = profile;
          this.#sender = new SrtpSender(srtpCrypto, profile, local);
          this.#receiver = new SrtpReceiver(srtpCrypto, profile, remote);
        },
        closed: (reason) => {
          this.closed = reason;
        },
      },
    });
  }

  /** What an SDP exchange would have told the worker. */
  parameters(dtlsRole: "client" | "server" = this.dtls.role === "client" ? "server" : "client") {
    return {
      localUfrag: this.workerUfrag,
      localPwd: this.workerPwd,
      remoteUfrag: this.ufrag,
      remotePwd: this.pwd,
      dtlsRole,
      fingerprints: [fingerprintOf(peerCertificate.der, dtlsCrypto)],
    };
  }

  /** A check, ready to be sent. */
  check(options: CheckOptions = {}): Uint8Array {
    const { nominate = true, password = this.workerPwd, controlled = false } = options;
    const writer = new MessageWriter(method.binding, "request", stunCrypto.random(12));
    writer.add(attribute.username, encodeText(options.username ?? `${this.workerUfrag}:${this.ufrag}`));
    writer.add(attribute.priority, Uint8Array.of(0x6e, 0, 1, 0xff));
    writer.add(controlled ? attribute.iceControlled : attribute.iceControlling, new Uint8Array(8).fill(7));
    if (nominate) writer.add(attribute.useCandidate, new Uint8Array(0));
    if (options.unknown !== undefined) writer.add(options.unknown, new Uint8Array(4));
    addIntegrity(writer, "sha1", encodeText(password), stunCrypto);
    if (options.fingerprint !== "none") addFingerprint(writer);
    const bytes = writer.bytes().slice();
    if (options.fingerprint === "wrong") bytes[bytes.length - 1] = (bytes[bytes.length - 1] ?? 0) ^ 1;
    return bytes;
  }

  receive(bytes: Uint8Array, now: number): void {
    const first = bytes[0] ?? 0;
    if (first < 4) this.#stun(bytes);
    else if (first < 64) this.dtls.receive(bytes, now);
    else if (isRtcp(bytes)) this.#opened(this.rtcp, this.#receiver?.unprotectRtcp(bytes));
    else {
      const opened = this.#receiver?.unprotect(bytes);
      this.#opened(this.rtp, typeof opened === "object" ? opened.packet : opened);
    }
  }

  /** A packet of RTP, sealed. */
  packet(index: number, text: string, ssrc = 1_111): Uint8Array {
    if (this.#sender === undefined) throw new Error("there are no keys yet");
    const { header, payload } = rtpOf(index, text, ssrc);
    const target = new Uint8Array(header.length + payload.length + 32);
    target.set(header);
    const length = this.#sender.protect(target, 0, header.length, payload, index);
    if (length === undefined) throw new Error("the packet was refused");
    return target.slice(0, length);
  }

  /** A packet of RTP in the clear, sealed. */
  sealed({
    packet,
    headerBytes,
    index,
  }: {
    packet: Uint8Array;
    headerBytes: number;
    index: number;
  }): Uint8Array {
    if (this.#sender === undefined) throw new Error("there are no keys yet");
    const target = new Uint8Array(packet.length + 16);
    target.set(packet.subarray(0, headerBytes));
    const payload = { bytes: packet, at: headerBytes, length: packet.length - headerBytes, id: ++payloads };
    const length = this.#sender.protect(target, 0, headerBytes, payload, index);
    if (length === undefined) throw new Error("the packet was refused");
    return target.subarray(0, length);
  }

  /** A compound packet of RTCP, sealed. */
  report(compound: Uint8Array): Uint8Array {
    const sealed = this.#sender?.protectRtcp(compound);
    if (sealed === undefined) throw new Error("there are no keys yet");
    return sealed;
  }

  #stun(bytes: Uint8Array): void {
    const message = parseMessage(bytes);
    if (message === undefined) throw new Error("the worker sent malformed STUN");
    if (message.class === "error") this.errors.push(message);
    else if (message.class === "success") {
      if (!checkIntegrity(message, "sha1", encodeText(this.workerPwd), stunCrypto)) return;
      const value = message.value(attribute.xorMappedAddress);
      const mapped = value && decodeXorAddress(value, message.transactionId);
      if (mapped !== undefined) this.mapped.push(mapped);
    } else if (message.class === "request") this.#answer(message);
  }

  /** As every full agent does: a lite one's requests are answered too. */
  #answer(message: StunMessage): void {
    const username = decodeText(message.value(attribute.username) ?? new Uint8Array(0));
    if (!this.answers || username !== `${this.ufrag}:${this.workerUfrag}`) return;
    if (!checkIntegrity(message, "sha1", encodeText(this.pwd), stunCrypto)) return;
    this.questions++;
    this.send(this.success(message));
  }

  /** The answer to a Binding request of the worker. */
  success(message: StunMessage): Uint8Array {
    const writer = new MessageWriter(method.binding, "success", message.transactionId);
    const here = { address: Uint8Array.of(127, 0, 0, 1), port: 9 };
    writer.add(attribute.xorMappedAddress, encodeXorAddress(here, message.transactionId));
    addIntegrity(writer, "sha1", encodeText(this.pwd), stunCrypto);
    addFingerprint(writer);
    return writer.bytes().slice();
  }

  #opened(into: Uint8Array[], packet: Uint8Array | string | undefined): void {
    if (typeof packet === "object") into.push(packet);
  }
}

let payloads = 0;

/** A packet in the clear, as `sendRtp` takes it. */
export function rtpOf(
  index: number,
  text: string,
  ssrc: number,
): { header: Uint8Array; payload: SealedPayload } {
  const header = new Uint8Array(12);
  const sequence = index & 0xffff;
  writeFixedHeader(header, 0, { payloadType: 96, marker: true, sequence, timestamp: 1, ssrc }, false);
  const bytes = encodeText(text);
  return { header, payload: { bytes, at: 0, length: bytes.length, id: ++payloads } };
}

/** The payload of a packet whose header has twelve bytes. */
export function textOf(packet: Uint8Array): string {
  return decodeText(packet.subarray(12)) ?? "";
}
