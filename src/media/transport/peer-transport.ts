import { describeClose } from "../../wire/dtls/close-reason.ts";
import type { DtlsCertificate, DtlsCrypto } from "../../wire/dtls/crypto.ts";
import { type Fingerprint, parseFingerprint } from "../../wire/dtls/fingerprint.ts";
import type { HandshakeGates } from "../../wire/dtls/handshake-gate.ts";
import { PathBudget } from "../../wire/dtls/path-budget.ts";
import { DtlsSession } from "../../wire/dtls/session.ts";
import type { Established } from "../../wire/dtls/session-options.ts";
import { isRtcp } from "../../wire/rtp/packet.ts";
import type { SrtpCrypto } from "../../wire/srtp/crypto.ts";
import { type OpenedRtp, type Refused, SrtpReceiver } from "../../wire/srtp/receiver.ts";
import { type SealedPayload, SrtpSender } from "../../wire/srtp/sender.ts";
import type { StunMessage } from "../../wire/stun/message.ts";
import type { TransportParameters } from "../negotiated.ts";
import type { DropReason, Drops } from "./drops.ts";
import { IceControlling } from "./ice-controlling.ts";
import { IceLite } from "./ice-lite.ts";
import type { IceCrypto } from "./ice-message.ts";
import type { PacketSink } from "./packet-sink.ts";
import type { MediaPath, PathOwner } from "./path.ts";

/** What a transport tells the rest of the media server. All may call the transport. */
export interface PeerPorts {
  /** Media can flow: DTLS is done; again after each `lost`. */
  connected(now: number): void;
  /** The peer has been silent for too long: nothing is sent until it is heard again. */
  lost(now: number): void;
  /** Called once, whoever closed the transport. */
  closed(reason: string): void;
  /** A packet that was opened. Its memory is the receiver's. */
  rtp(packet: OpenedRtp, now: number): void;
  /** A compound packet of RTCP that was opened, authentic but not parsed. */
  rtcp(compound: Uint8Array, now: number): void;
}

/** Durations in milliseconds. */
export interface TransportLimits {
  /** From the start until media can flow. */
  readonly connect: number;
  /** A connected peer that hasn't answered us for so long is lost, or one that never answers and hasn't checked (RFC 7675 §5.1). */
  readonly consent: number;
  /** A lost peer that isn't heard again is closed. */
  readonly lost: number;
  /** How often we ask for an answer: it brings the round-trip time, and consent. */
  readonly keepAlive: number;
  /** A path in use that is silent for so long gives way to another one. */
  readonly silence: number;
  /** Paths of one peer. */
  readonly paths: number;
}

export const transportLimits: TransportLimits = {
  connect: 30_000,
  consent: 30_000,
  lost: 30_000,
  keepAlive: 5_000,
  silence: 10_000,
  paths: 16,
};

/** What all transports of a worker share. */
export interface TransportShared {
  readonly certificate: DtlsCertificate;
  readonly dtlsCrypto: DtlsCrypto;
  readonly srtpCrypto: SrtpCrypto;
  readonly iceCrypto: IceCrypto;
  /** Bounds half-open handshakes of all of them. */
  readonly gates: HandshakeGates;
  /** Takes the packets of media that are sent. */
  readonly sink: PacketSink;
  readonly limits: TransportLimits;
}

/** What a transport asks of the table that it is in. */
export interface TransportHost {
  readonly drops: Drops;
  /** From here on checks for this fragment are the peer's. Throws a RangeError where another peer has it. */
  claim(ufrag: string): void;
  release(ufrag: string): void;
  /** `nextDeadline` may have changed. */
  reschedule(): void;
  /** The peer is closed. */
  remove(): void;
}

const dropOf: Readonly<Record<Refused, DropReason>> = {
  malformed: "malformed_media",
  replayed: "replayed_media",
  forged: "forged_media",
  "too many sources": "too_many_sources",
};

/**
 * The transport of one peer: ICE (lite, or controlling where the offer was ours), DTLS and SRTP both ways. A pure machine without sockets, timers and clock; times are in milliseconds
 * of any clock that never goes back. `TransportTable.add` makes one.
 *
 * Nothing that a peer or a stranger sends makes it throw. DTLS is only taken from a path that has passed a check, media only once there are
 * keys. Nothing but three times the bytes received goes to an address that hasn't proved that it receives.
 */
export class PeerTransport implements PathOwner {
  readonly #shared: TransportShared;
  readonly #limits: TransportLimits;
  readonly #ports: PeerPorts;
  readonly #host: TransportHost;
  readonly #ice: IceLite | IceControlling;
  readonly #fingerprints: readonly Fingerprint[];
  #parameters: TransportParameters;
  #state: "connecting" | "connected" | "lost" | "closed" = "connecting";
  /** Made when a first path is there. */
  #dtls: DtlsSession | undefined;
  /** The path that DTLS sends by, and media. */
  #path: MediaPath | undefined;
  #sender: SrtpSender | undefined;
  #receiver: SrtpReceiver | undefined;
  /** When the transport is closed, unless something happens. */
  #giveUpAt: number | undefined;
  #askAt: number | undefined;
  /** Of the call that runs. */
  #now: number;

  /**
   * `paths`: to the candidates of the peer's answer, where the offer was ours. Throws a RangeError where no fingerprint of the peer is of a hash
   * that we take.
   */
  constructor(
    shared: TransportShared,
    parameters: TransportParameters,
    ports: PeerPorts,
    host: TransportHost,
    now: number,
    paths?: readonly MediaPath[],
  ) {
    this.#shared = shared;
    this.#limits = shared.limits;
    this.#parameters = parameters;
    this.#ports = ports;
    this.#host = host;
    this.#fingerprints = parameters.fingerprints
      .map((text) => parseFingerprint(text))
      .filter((one) => one !== undefined);
    if (this.#fingerprints.length === 0)
      throw new RangeError("the peer needs a fingerprint by SHA-256, SHA-384 or SHA-512");
    const { iceCrypto: crypto } = shared;
    const { paths: mostPaths, silence } = this.#limits;
    const ice = {
      credentials: parameters,
      crypto,
      released: (ufrag: string) => host.release(ufrag),
      forgotten: (path: MediaPath) => this.#letGo(path),
    };
    this.#ice =
      paths === undefined
        ? new IceLite({ ...ice, mostPaths, silence })
        : new IceControlling({ ...ice, paths }, now);
    for (const path of paths ?? []) {
      path.owner = this;
      path.keep();
    }
    this.#now = now;
    this.#giveUpAt = now + this.#limits.connect;
  }

  get state(): "connecting" | "connected" | "lost" | "closed" {
    return this.#state;
  }

  /** The path that media takes. */
  get path(): MediaPath | undefined {
    return this.#path;
  }

  /** Bytes that wait on the path: many where a peer by TCP doesn't read. */
  get buffered(): number {
    return this.#path?.buffered ?? 0;
  }

  /** Round-trip time by our own last check, in ms. */
  get rtt(): number | undefined {
    return this.#ice.selected?.rtt;
  }

  /** When `tick` has something to do; undefined once the transport is closed. */
  get nextDeadline(): number | undefined {
    if (this.#state === "closed") return undefined;
    let next = this.#state === "connected" ? this.#ice.consentedAt + this.#limits.consent : this.#giveUpAt;
    const checkAt = this.#ice instanceof IceControlling ? this.#ice.nextDeadline : undefined;
    for (const time of [this.#dtls?.nextDeadline, this.#askAt, checkAt])
      if (time !== undefined && (next === undefined || time < next)) next = time;
    return next;
  }

  /**
   * Seals a packet of RTP and sends it. The header's first `headerBytes` bytes are copied. False where it isn't sent: there are no keys or no
   * path, the peer is lost or doesn't read, or the SSRC and index were used with other bytes.
   */
  sendRtp(header: Uint8Array, headerBytes: number, payload: SealedPayload, index: number): boolean {
    const sender = this.#sender;
    const path = this.#path;
    if (sender === undefined || path === undefined || this.#state !== "connected") return false;
    const { sink } = this.#shared;
    const { target, at } = sink.slot(headerBytes + payload.length + sender.overhead);
    for (let n = 0; n < headerBytes; n++) target[at + n] = header[n] ?? 0;
    const length = sender.protect(target, at, headerBytes, payload, index);
    return length !== undefined && sink.commit(length, path);
  }

  /** How many packets behind the newest of an SSRC may be sent late or again; as `SrtpSender` says. Does nothing without keys. */
  expect(ssrc: number, packets: number): void {
    this.#sender?.expect(ssrc, packets);
  }

  /** Seals a compound packet of RTCP and sends it. False as for {@link sendRtp}. */
  sendRtcp(compound: Uint8Array): boolean {
    if (this.#path === undefined || this.#state !== "connected") return false;
    const sealed = this.#sender?.protectRtcp(compound);
    return sealed !== undefined && this.#path.sendMedia(sealed, sealed.length);
  }

  /**
   * An ICE restart (RFC 8839 §4.4.1): other credentials for the same DTLS association. False, and nothing is changed, where the fingerprints
   * or the DTLS role differ too, which would take a new association (RFC 8842 §5.1). Throws a RangeError where the new fragment is another
   * peer's.
   */
  restart(parameters: TransportParameters): boolean {
    const { dtlsRole, fingerprints, localUfrag } = this.#parameters;
    const same = parameters.dtlsRole === dtlsRole && sameTexts(parameters.fingerprints, fingerprints);
    if (this.#state === "closed" || !same || parameters.localUfrag === localUfrag) return false;
    if (!(this.#ice instanceof IceLite)) return false;
    this.#host.claim(parameters.localUfrag);
    this.#parameters = parameters;
    this.#ice.restart(parameters);
    return true;
  }

  /** Ends the transport, and tells the peer. The keys are forgotten. */
  close(reason = "closed"): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#dtls?.close();
    this.#sender?.close();
    this.#receiver?.close();
    this.#sender = undefined;
    this.#receiver = undefined;
    this.#ice.close();
    this.#path = undefined;
    this.#host.remove();
    this.#ports.closed(reason);
  }

  /** Repeats what DTLS has to repeat, asks for answers, and sees to consent. Before `nextDeadline` it does nothing. */
  tick(now: number): void {
    this.#now = now;
    this.#dtls?.tick(now);
    if (this.#state === "closed") return;
    if (this.#ice instanceof IceControlling) this.#ice.tick(now);
    if (this.#askAt !== undefined && now >= this.#askAt) this.#ask();
    if (this.#state === "connected" && now >= this.#ice.consentedAt + this.#limits.consent) {
      this.#state = "lost";
      this.#giveUpAt = now + this.#limits.lost;
      this.#askAt = undefined;
      this.#ports.lost(now);
    } else if (this.#state !== "connected" && this.#giveUpAt !== undefined && now >= this.#giveUpAt)
      this.close(this.#state === "lost" ? "the peer is gone" : "no connection was made in time");
  }

  /** A Binding request that names one of this peer's fragments. */
  checked(message: StunMessage, path: MediaPath, now: number): void {
    const outcome = this.#ice.check(message, path, now);
    if (outcome !== "valid") {
      this.#host.drops.count(outcome === "forged" ? "forged_check" : "refused_check");
      return;
    }
    // A controlling agent knows its paths: of others nothing is kept.
    if (path.owner !== this && this.#ice instanceof IceLite) {
      path.owner?.leave(path);
      path.owner = this;
      path.keep();
    }
    this.#follow(now);
  }

  answered(message: StunMessage, path: MediaPath, now: number): void {
    if (this.#ice.answered(message, path, now)) this.#follow(now);
    else this.#host.drops.count("unasked_answer");
  }

  dtls(datagram: Uint8Array, path: MediaPath, now: number): void {
    const known = this.#ice.of(path);
    // From elsewhere it could make us send to the path in use, or take for its proof what another address has received.
    if (known === undefined || this.#dtls === undefined || !(known.confirmed || path === this.#path)) {
      this.#host.drops.count("dtls_elsewhere");
      return;
    }
    this.#now = now;
    const { stats } = this.#dtls;
    const { refused, droppedRecords, failures } = stats;
    this.#dtls.receive(datagram, now);
    this.#host.drops.count("dtls_refused", stats.refused - refused);
    this.#host.drops.count("dtls_dropped", stats.droppedRecords - droppedRecords + stats.failures - failures);
    this.#host.reschedule();
  }

  media(packet: Uint8Array, now: number): void {
    if (this.#receiver === undefined) this.#host.drops.count("before_keys");
    else if (isRtcp(packet)) {
      const compound = this.#receiver.unprotectRtcp(packet);
      if (typeof compound === "string") this.#host.drops.count(dropOf[compound]);
      else this.#ports.rtcp(compound, now);
    } else {
      const opened = this.#receiver.unprotect(packet);
      if (typeof opened === "string") this.#host.drops.count(dropOf[opened]);
      else this.#ports.rtp(opened, now);
    }
  }

  holds(path: MediaPath, now: number): boolean {
    const known = this.#ice.of(path);
    return known?.budget.proved === true && now - known.heardAt < this.#limits.silence;
  }

  leave(path: MediaPath): void {
    this.#ice.leave(path);
    if (this.#path === path) this.#path = this.#ice.selected?.path;
  }

  /** Uses what ICE has found: another path, or a proof of the one in use. */
  #follow(now: number): void {
    this.#now = now;
    const { selected } = this.#ice;
    if (selected === undefined) return;
    const { path, budget } = selected;
    this.#path = path;
    if (this.#dtls === undefined) this.#dtls = this.#session(path);
    if (this.#dtls.path !== budget) this.#dtls.usePath(budget, now);
    if (budget.proved) {
      this.#dtls.pathProved(now);
      this.#dtls.start(now);
    }
    if (this.#state === "lost" && this.#ice.consentedAt + this.#limits.consent > now) this.#connected();
    this.#host.reschedule();
  }

  #session(path: MediaPath): DtlsSession {
    const { certificate, dtlsCrypto, gates } = this.#shared;
    return new DtlsSession({
      role: this.#parameters.dtlsRole,
      certificate,
      remoteFingerprints: this.#fingerprints,
      crypto: dtlsCrypto,
      path: this.#ice.of(path)?.budget ?? new PathBudget(),
      gate: gates.gate(path.address.address),
      ports: {
        send: (datagram) => void this.#path?.send(datagram),
        established: (result) => this.#established(result),
        closed: (reason) => this.close(describeClose(reason)),
      },
    });
  }

  #established({ profile, local, remote }: Established): void {
    const { srtpCrypto } = this.#shared;
    this.#sender = new SrtpSender(srtpCrypto, profile, local);
    this.#receiver = new SrtpReceiver(srtpCrypto, profile, remote);
    for (const { key, salt } of [local, remote]) {
      key.fill(0);
      salt.fill(0);
    }
    this.#connected();
  }

  #connected(): void {
    this.#state = "connected";
    this.#giveUpAt = undefined;
    this.#askAt = this.#nextAsk();
    this.#ports.connected(this.#now);
  }

  #ask(): void {
    this.#ice.ask(this.#now);
    this.#askAt = this.#nextAsk();
  }

  /** Spread by a fifth, so that viewers who came together don't ask together for ever (RFC 7675 §5.1). */
  #nextAsk(): number {
    const [random = 0] = this.#shared.iceCrypto.random(1);
    return this.#now + Math.round(this.#limits.keepAlive * (0.8 + (0.4 * random) / 255));
  }

  #letGo(path: MediaPath): void {
    if (path.owner === this) path.owner = undefined;
    path.release();
  }
}

function sameTexts(some: readonly string[], others: readonly string[]): boolean {
  return some.length === others.length && some.every((text, at) => text === others[at]);
}
