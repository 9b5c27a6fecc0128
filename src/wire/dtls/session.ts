import { alert, alertLevel } from "./alert.ts";
import { ByteReader, copyOf } from "./bytes.ts";
import { ClientHandshake } from "./client-handshake.ts";
import type { CloseReason } from "./close-reason.ts";
import { alertOf, type FailureReason } from "./failure.ts";
import type { HandshakeSettings, Progress, SrtpKeys } from "./handshake.ts";
import type { HandshakeGate } from "./handshake-gate.ts";
import { HandshakeInbox, sealedFinishedBytes } from "./handshake-inbox.ts";
import { type HandshakeMessage, messageType, readFragment } from "./handshake-message.ts";
import { type RecordKeys, type Role, wipeRecordKeys } from "./key-schedule.ts";
import { Outbox } from "./outbox.ts";
import { PathBudget } from "./path-budget.ts";
import { contentType, type DtlsRecord, readRecords } from "./record.ts";
import { RecordOpener } from "./record-protection.ts";
import { ServerHandshake } from "./server-handshake.ts";
import {
  type DtlsPorts,
  type DtlsSessionOptions,
  type DtlsStats,
  defaultProfiles,
} from "./session-options.ts";

/** Messages that may be wrong before a session ends, as anybody may have forged them; and ClientHellos that may begin it anew. */
const maxFailures = 4;
const maxRestarts = 4;
/** Records of epoch 1 that are kept until there are keys. */
const maxEarly = 4;
const leastMtu = 128;
const greatestMtu = 16_384;

/**
 * DTLS 1.2 for SRTP keys (RFC 6347, RFC 5764): one association with one peer, from the first datagram to the keys, and to its end. A pure
 * machine: it has no socket, no timer and no clock. Times are in milliseconds of any clock that never goes back.
 *
 * Nothing that a peer or a stranger sends makes it throw. What is forged is dropped in silence, and costs bounded memory and work.
 *
 * @example
 * ```ts
 * const session = new DtlsSession({
 *   role: "server", // `a=setup:passive` in our SDP
 *   certificate, // generateCertificate() of net/dtls-certificate.ts: one serves many sessions
 *   remoteFingerprints, // parseFingerprint() of each `a=fingerprint` of the peer's SDP
 *   crypto: dtlsCrypto, // net/dtls-crypto.ts
 *   gate: gates.gate(address), // one HandshakeGates for all sessions
 *   ports: {
 *     send: (datagram) => socket.send(datagram, address),
 *     established: ({ profile, local, remote }) => startSrtp(profile, local, remote),
 *     closed: (reason) => log(describeClose(reason)),
 *   },
 * });
 * session.path.received(request.length); // a STUN request came from the peer's address
 * if (session.path.spend(response.length)) socket.send(response, address);
 * session.pathProved(now); // our own STUN request was answered from there
 * session.start(now); // a client sends its ClientHello; a server waits
 * session.receive(datagram, now); // those with a first byte from 20 to 63 (RFC 7983)
 * session.tick(now); // at session.nextDeadline or later; read that again after each call
 * session.close();
 * ```
 */
export class DtlsSession {
  readonly role: Role;
  readonly stats: DtlsStats = { droppedRecords: 0, failures: 0, repeats: 0, answers: 0, refused: 0 };
  readonly #settings: HandshakeSettings;
  readonly #ports: DtlsPorts;
  readonly #gate: HandshakeGate | undefined;
  readonly #handshakeTimeout: number;
  readonly #outbox: Outbox;
  readonly #inbox: HandshakeInbox;
  #state: "new" | "handshaking" | "established" | "closed" = "new";
  /** Not there once it is complete. */
  #handshake: ClientHandshake | ServerHandshake | undefined;
  /** When a handshake that has begun is given up. */
  #givenUpAt: number | undefined;
  /** When the gate lets the ClientHello pass that waits in the inbox. */
  #admittedAt: number | undefined;
  #keys: RecordKeys | undefined;
  #opener: RecordOpener | undefined;
  #early: DtlsRecord[] = [];
  #restarts = 0;
  #lastFailure: FailureReason | undefined;
  #lastAlert: number | undefined;
  /** The client's Finished, which a server answers again. */
  #finishedSequence: number | undefined;
  #refusedRenegotiation = false;

  /** Throws a RangeError for an `mtu` out of range. */
  constructor(options: DtlsSessionOptions) {
    const { role, crypto, ports, mtu = 1_200, path = new PathBudget() } = options;
    const { initialTimeout = 50, handshakeTimeout = 10_000 } = options;
    if (!(mtu >= leastMtu && mtu <= greatestMtu))
      throw new RangeError(`mtu must be from ${leastMtu} to ${greatestMtu}, not ${mtu}`);
    this.role = role;
    this.#settings = { ...options, srtpProfiles: options.srtpProfiles ?? defaultProfiles[role] };
    this.#ports = ports;
    this.#gate = options.gate;
    this.#handshakeTimeout = handshakeTimeout;
    const send = (datagram: Uint8Array) => ports.send(datagram);
    this.#outbox = new Outbox({ crypto, mtu, initialTimeout, path, send });
    this.#inbox = new HandshakeInbox(role);
    this.#handshake =
      role === "client" ? new ClientHandshake(this.#settings) : new ServerHandshake(this.#settings);
  }

  get state(): "new" | "handshaking" | "established" | "closed" {
    return this.#state;
  }

  /** What may be sent to the peer's address. */
  get path(): PathBudget {
    return this.#outbox.path;
  }

  /** Bytes of messages and records that wait for others. */
  get bufferedBytes(): number {
    return this.#inbox.bytes + this.#early.reduce((sum, { body }) => sum + body.length, 0);
  }

  /** When `tick` has something to do; undefined when nothing is awaited. */
  get nextDeadline(): number | undefined {
    if (this.#state !== "handshaking") return undefined;
    const times = [this.#givenUpAt, this.#admittedAt, this.#outbox.repeatAt];
    return Math.min(...times.filter((time) => time !== undefined));
  }

  /** Begins as a client: a ClientHello is sent, once the path is proved. A server only waits. */
  start(now: number): void {
    if (this.#state !== "new" || !(this.#handshake instanceof ClientHandshake)) return;
    this.#begin(now);
    this.#outbox.send(this.#handshake.start(), true, now);
  }

  /** Takes a datagram from the peer's address. It is not kept. */
  receive(datagram: Uint8Array, now: number): void {
    if (this.#isClosed) return;
    this.path.received(datagram.length);
    for (const record of readRecords(datagram)) {
      this.#record(record, now);
      if (this.#isClosed) return;
    }
    this.#outbox.flush(now);
  }

  /** Repeats what was not answered, and gives up in the end. Before `nextDeadline` it does nothing. */
  tick(now: number): void {
    if (this.#state !== "handshaking") return;
    const { repeatAt } = this.#outbox;
    if (this.#givenUpAt !== undefined && now >= this.#givenUpAt) this.#timeOut();
    else if (this.#admittedAt !== undefined) this.#deliver(now);
    else if (repeatAt !== undefined && now >= repeatAt) {
      this.stats.repeats++;
      this.#outbox.repeat(now);
    }
  }

  /** Something random of ours has come back from the peer's address: what waited is sent, and from here on timers repeat it. */
  pathProved(now: number): void {
    this.path.prove();
    this.#outbox.flush(now);
  }

  /** Datagrams go to another address from here on, and this is its budget. */
  usePath(path: PathBudget, now: number): void {
    this.#outbox.usePath(path, now);
  }

  /** Ends the session, and tells the peer. */
  close(): void {
    if (this.#isClosed) return;
    if (this.#state !== "new") this.#outbox.alert(alertLevel.warning, alert.closeNotify);
    this.#end({ kind: "local" });
  }

  get #isClosed(): boolean {
    return this.#state === "closed";
  }

  #begin(now: number): void {
    this.#state = "handshaking";
    this.#givenUpAt = now + this.#handshakeTimeout;
  }

  #record(record: DtlsRecord, now: number): void {
    const { type, epoch, body } = record;
    if (epoch === 0) {
      if (this.#opener === undefined) this.#content(type, body, 0, now);
      else this.#lateRecord(type, body);
      return;
    }
    if (this.#opener === undefined) {
      this.#keepEarly(record);
      return;
    }
    const content = this.#opener.open(record);
    if (content === undefined) this.stats.droppedRecords++;
    else this.#content(type, content, 1, now);
  }

  /** Once there are keys, whatever is in the clear is forged or out of date; but an alert may tell why no answer comes. */
  #lateRecord(type: number, body: Uint8Array): void {
    if (type === contentType.changeCipherSpec) return;
    if (type === contentType.alert && body.length === 2) this.#lastAlert = body[1];
    else this.stats.droppedRecords++;
  }

  /** A Finished may overtake what comes before it. */
  #keepEarly(record: DtlsRecord): void {
    const fits = record.type === contentType.handshake && record.body.length === sealedFinishedBytes;
    if (fits && record.epoch === 1 && this.#state === "handshaking" && this.#early.length < maxEarly)
      this.#early.push({ ...record, body: copyOf(record.body) });
    else this.stats.droppedRecords++;
  }

  #content(type: number, content: Uint8Array, epoch: 0 | 1, now: number): void {
    if (type === contentType.alert && content.length === 2)
      this.#alert(content[0] ?? 0, content[1] ?? 0, epoch);
    else if (type === contentType.handshake && this.#state === "established")
      this.#afterHandshake(content, now);
    else if (type === contentType.handshake) this.#fragments(content, epoch, now);
  }

  /** Anybody can forge an alert in the clear: it is only remembered. */
  #alert(level: number, code: number, epoch: 0 | 1): void {
    if (epoch === 0) this.#lastAlert = code;
    else if (code === alert.closeNotify) {
      this.#outbox.alert(alertLevel.warning, alert.closeNotify);
      this.#end({ kind: "closeNotify" });
    } else if (level === alertLevel.fatal) this.#end({ kind: "alert", alert: code });
  }

  #fragments(content: Uint8Array, epoch: 0 | 1, now: number): void {
    const reader = new ByteReader(content);
    while (reader.left > 0) {
      const fragment = readFragment(reader);
      if (fragment === undefined || this.#handshake === undefined) return;
      // The fragment before may have brought the keys.
      if (epoch === 0 && this.#opener !== undefined) return;
      this.#inbox.add(fragment, epoch, this.#handshake.expects);
      this.#deliver(now);
    }
  }

  /** Gives the handshake whatever messages it can take. */
  #deliver(now: number): void {
    this.#helloAgain(now);
    while (this.#handshake !== undefined) {
      const handshake = this.#handshake;
      const message = this.#inbox.next(handshake.expects);
      if (message === undefined) return;
      if (handshake instanceof ServerHandshake && handshake.isFresh && !this.#admit(now)) return;
      const outcome = handshake.take(message);
      this.#inbox.remove(message.sequence);
      if (outcome.ok) this.#advance(outcome.value, message, now);
      else this.#failed(outcome.error);
    }
  }

  /** Whether the first ClientHello may be answered now: that costs a key pair and a signature. */
  #admit(now: number): boolean {
    if (this.#state === "new") {
      const wait = this.#gate === undefined ? 0 : this.#gate.begin(now);
      if (wait === undefined) {
        this.stats.refused++;
        this.#inbox.clear();
        return false;
      }
      this.#begin(now);
      this.#admittedAt = now + wait;
    }
    if (this.#admittedAt !== undefined && now < this.#admittedAt) return false;
    this.#admittedAt = undefined;
    return true;
  }

  /** A ClientHello for a half-open handshake: a repeat is answered, and one with another random begins anew (RFC 6347 §4.2.8). */
  #helloAgain(now: number): void {
    const halfOpen = this.#handshake;
    if (!(halfOpen instanceof ServerHandshake) || halfOpen.isFresh || this.#opener !== undefined) return;
    const hello = this.#inbox.next([0]);
    if (hello === undefined) return;
    this.#inbox.remove(0);
    if (halfOpen.isRepeat(hello)) {
      this.#answerRepeat(now);
      return;
    }
    if (this.#restarts >= maxRestarts) return;
    const handshake = new ServerHandshake(this.#settings);
    const outcome = handshake.take(hello);
    if (!outcome.ok) return;
    this.#restarts++;
    halfOpen.wipe();
    this.#handshake = handshake;
    this.#inbox.clear();
    this.#early = [];
    this.#advance(outcome.value, hello, now);
  }

  #advance({ flight, recordKeys, srtp }: Progress, message: HandshakeMessage, now: number): void {
    if (recordKeys !== undefined) {
      this.#keys = recordKeys;
      this.#opener = new RecordOpener(this.#settings.crypto, recordKeys);
      this.#outbox.protectWith(recordKeys);
      this.#inbox.clear();
      // The peer has signed what it received from us.
      this.path.prove();
    }
    if (flight !== undefined) this.#outbox.send(flight, srtp === undefined, now);
    if (srtp !== undefined) this.#establish(srtp, message.sequence);
    else if (recordKeys !== undefined) this.#takeEarly(now);
  }

  #takeEarly(now: number): void {
    const early = this.#early;
    this.#early = [];
    for (const record of early) if (!this.#isClosed) this.#record(record, now);
  }

  #establish({ profile, keys }: SrtpKeys, finishedSequence: number): void {
    this.#state = "established";
    this.#endHandshake();
    // Only the side with the last flight ever sends it again.
    if (this.role === "client") this.#outbox.forget();
    else this.#finishedSequence = finishedSequence;
    const remote = this.role === "client" ? "server" : "client";
    this.#ports.established({ profile, local: keys[this.role], remote: keys[remote] });
  }

  /** A message that was wrong frees its place: the right one may follow, unless this one was authenticated. */
  #failed(failure: FailureReason): void {
    this.stats.failures++;
    this.#lastFailure = failure;
    if (this.#opener !== undefined || this.stats.failures > maxFailures) {
      this.#outbox.alert(alertLevel.fatal, alertOf[failure]);
      this.#end({ kind: "failure", failure });
      return;
    }
    this.#handshake?.rewind();
    this.#inbox.clear();
  }

  /** Nothing is negotiated again; a Finished of the client says that ours was lost. */
  #afterHandshake(content: Uint8Array, now: number): void {
    const fragment = readFragment(new ByteReader(content));
    if (fragment === undefined) return;
    const { type, sequence, length, part } = fragment;
    const renegotiation = this.role === "client" ? messageType.helloRequest : messageType.clientHello;
    if (type === renegotiation && !this.#refusedRenegotiation) {
      this.#refusedRenegotiation = true;
      this.#outbox.alert(alertLevel.warning, alert.noRenegotiation);
    }
    const isWhole = part.length === length;
    if (type === messageType.finished && sequence === this.#finishedSequence && isWhole)
      this.#answerRepeat(now);
  }

  /** The peer has repeated its flight, so ours was lost. */
  #answerRepeat(now: number): void {
    if (this.#outbox.answer(now)) this.stats.answers++;
  }

  #timeOut(): void {
    const failure = this.#lastFailure;
    if (failure !== undefined) this.#outbox.alert(alertLevel.fatal, alertOf[failure]);
    this.#end({ kind: "timeout", failure, alert: this.#lastAlert });
  }

  #end(reason: CloseReason): void {
    this.#state = "closed";
    this.#endHandshake();
    this.#outbox.forget();
    if (this.#keys !== undefined) wipeRecordKeys(this.#keys);
    this.#ports.closed(reason);
  }

  #endHandshake(): void {
    this.#gate?.end();
    this.#handshake?.wipe();
    this.#handshake = undefined;
    this.#inbox.clear();
    this.#early = [];
    this.#outbox.stopTimer();
  }
}
