import { attribute } from "../../wire/stun/attribute-type.ts";
import { errorCode } from "../../wire/stun/error-code.ts";
import { checkFingerprint } from "../../wire/stun/fingerprint.ts";
import { checkIntegrity } from "../../wire/stun/integrity.ts";
import type { StunMessage } from "../../wire/stun/message.ts";
import { encodeText } from "../../wire/stun/text.ts";
import type { TransportParameters } from "../negotiated.ts";
import {
  bindingError,
  bindingRequest,
  bindingSuccess,
  type IceCrypto,
  receiverUfrag,
  unknownAttributes,
} from "./ice-message.ts";
import { IcePath } from "./ice-path.ts";
import type { MediaPath } from "./path.ts";

/** User name fragments and passwords of both ends. */
export type IceCredentials = Pick<
  TransportParameters,
  "localUfrag" | "localPwd" | "remoteUfrag" | "remotePwd"
>;

export interface IceLiteOptions {
  readonly credentials: IceCredentials;
  readonly crypto: IceCrypto;
  /** Paths that are kept, the one in use included. */
  readonly mostPaths: number;
  /** A path in use that is silent for so long gives way to another one that isn't, in ms. */
  readonly silence: number;
  /** Checks with this fragment are valid no longer. */
  released(ufrag: string): void;
  /** The path is used no more. */
  forgotten(path: MediaPath): void;
}

/** What came of a check. */
export type CheckOutcome = "valid" | "forged" | "refused";

/** One set of credentials: an ICE restart brings another (RFC 8445 §9). */
interface Generation {
  readonly ufrag: string;
  readonly localKey: Uint8Array;
  readonly remoteKey: Uint8Array;
  /** The USERNAME of our own requests. */
  readonly username: Uint8Array;
}

/**
 * The ICE agent of one peer, in the lite implementation (RFC 8445 §2.5, always controlled): it answers checks, and sends by the path that
 * the peer has nominated last. A check proves that its sender knows the password, not that it receives at the address that it seems to
 * come from, so the peer must have answered a Binding request of ours on a path before anything moves there.
 */
export class IceLite {
  readonly #crypto: IceCrypto;
  readonly #options: IceLiteOptions;
  readonly #tieBreaker: Uint8Array;
  /** Few, most often one: a list takes less than a map. */
  readonly #paths: IcePath[] = [];
  #current: Generation;
  /** Valid until the first check of the current one. */
  #previous: Generation | undefined;
  #selected: IcePath | undefined;
  /** A path was selected once: from here on only a confirmed one is. */
  #begun = false;
  #nominations = 0;
  #consentedAt = Number.NEGATIVE_INFINITY;

  constructor(options: IceLiteOptions) {
    this.#options = options;
    this.#crypto = options.crypto;
    this.#tieBreaker = options.crypto.random(8);
    this.#current = generation(options.credentials);
  }

  /** The path to send by. Everything but the answers to checks goes there. */
  get selected(): IcePath | undefined {
    return this.#selected;
  }

  /** When the peer last consented to receive by the path that is selected, or was until it closed. */
  get consentedAt(): number {
    return this.#consentedAt;
  }

  /** What is known of a path on which a check has passed. */
  of(path: MediaPath): IcePath | undefined {
    return this.#paths.find((one) => one.path === path);
  }

  /** Takes other credentials (RFC 8445 §9). The ones before are valid until a check with these comes. */
  restart(credentials: IceCredentials): void {
    this.#retire();
    this.#previous = this.#current;
    this.#current = generation(credentials);
  }

  /** A Binding request whose USERNAME names this agent. It is answered if it is authentic. */
  check(message: StunMessage, path: MediaPath, now: number): CheckOutcome {
    const by = this.#generationOf(message);
    if (by === undefined || checkFingerprint(message) === false) return "forged";
    if (!checkIntegrity(message, "sha1", by.localKey, this.#crypto)) return "forged";
    if (this.#refuse(message, path, by)) return "refused";
    if (by === this.#current) this.#retire();
    const known = this.#pathOf(path, now);
    known.budget.received(message.bytes.length);
    known.heardAt = now;
    if (message.has(attribute.useCandidate)) known.nomination = ++this.#nominations;
    known.send(bindingSuccess(message, path.address, by.localKey, this.#crypto));
    if (!known.confirmed || now - known.consentedAt >= this.#options.silence) this.#ask(known, by, now);
    this.#choose(known, now);
    this.#consent(known);
    return "valid";
  }

  /** A Binding response. False where it answers nothing that was asked by this path. */
  answered(message: StunMessage, path: MediaPath, now: number): boolean {
    const known = this.of(path);
    const question = known?.questionOf(message.transactionId);
    if (known === undefined || question === undefined) return false;
    // An error isn't authenticated, but what is random in it has come back.
    const authentic =
      message.class === "success" && checkIntegrity(message, "sha1", question.key, this.#crypto);
    if (message.class === "success" && !authentic) return false;
    known.answered(question, authentic, now);
    this.#choose(known, now);
    this.#consent(known);
    return true;
  }

  /** Asks for an answer by the selected path. */
  ask(now: number): void {
    if (this.#selected !== undefined) this.#ask(this.#selected, this.#previous ?? this.#current, now);
  }

  /** The path is gone. Another one that has answered us takes its place. */
  leave(path: MediaPath): void {
    const known = this.of(path);
    if (known === undefined) return;
    this.#remove(known);
    if (known === this.#selected) this.#selected = this.#latestConfirmed();
  }

  /** Forgets all paths and credentials. */
  close(): void {
    this.#retire();
    this.#options.released(this.#current.ufrag);
    this.#selected = undefined;
    for (const { path } of this.#paths) this.#options.forgotten(path);
    this.#paths.length = 0;
  }

  #generationOf(message: StunMessage): Generation | undefined {
    const ufrag = receiverUfrag(message);
    if (ufrag === this.#current.ufrag) return this.#current;
    return ufrag === this.#previous?.ufrag ? this.#previous : undefined;
  }

  /** The answer to an authentic check that can't be granted. It is shorter than the check, and nothing is kept of either. */
  #refuse(message: StunMessage, path: MediaPath, by: Generation): boolean {
    const unknown = unknownAttributes(message);
    if (unknown.length > 0)
      path.send(bindingError(message, errorCode.unknownAttribute, unknown, by.localKey, this.#crypto));
    // RFC 8445 §7.3.1.1 lets the side with the greater tie-breaker change its role. A lite agent has no other role, so the peer must.
    else if (message.has(attribute.iceControlled))
      path.send(bindingError(message, errorCode.roleConflict, [], by.localKey, this.#crypto));
    else return false;
    return true;
  }

  #retire(): void {
    if (this.#previous !== undefined) this.#options.released(this.#previous.ufrag);
    this.#previous = undefined;
  }

  #pathOf(path: MediaPath, now: number): IcePath {
    let known = this.of(path);
    if (known === undefined) {
      known = new IcePath(path, now);
      if (this.#paths.length >= this.#options.mostPaths) this.#evict();
      this.#paths.push(known);
    }
    return known;
  }

  /** Makes room: a path without an answer goes first, then the one that is silent for longest. */
  #evict(): void {
    let worst: IcePath | undefined;
    for (const one of this.#paths)
      if (one !== this.#selected && (worst === undefined || isWorse(one, worst))) worst = one;
    if (worst === undefined) return;
    this.#remove(worst);
    this.#options.forgotten(worst.path);
  }

  #remove(known: IcePath): void {
    this.#paths.splice(this.#paths.indexOf(known), 1);
  }

  #ask(known: IcePath, by: Generation, now: number): void {
    const { username, remoteKey } = by;
    const make = () => {
      const transactionId = Uint8Array.from(this.#crypto.random(12));
      const message = bindingRequest(transactionId, username, this.#tieBreaker, remoteKey, this.#crypto);
      return { transactionId, message };
    };
    known.ask(remoteKey, make, now);
  }

  /** Follows the latest nomination, to a path that has answered us. The first path need not have: DTLS asks for a proof of its own. */
  #choose(known: IcePath, now: number): void {
    const before = this.#selected;
    if (before === known) return;
    if (!known.confirmed) {
      if (!this.#begun) this.#select(known);
      return;
    }
    const better =
      before === undefined ||
      !before.budget.proved ||
      known.nomination > before.nomination ||
      now - before.heardAt >= this.#options.silence;
    if (better) this.#select(known);
  }

  #select(known: IcePath): void {
    this.#begun = true;
    this.#selected = known;
  }

  #consent(known: IcePath): void {
    if (known === this.#selected) this.#consentedAt = known.consentedAt;
  }

  #latestConfirmed(): IcePath | undefined {
    let best: IcePath | undefined;
    for (const one of this.#paths)
      if (one.confirmed && (best === undefined || one.heardAt > best.heardAt)) best = one;
    return best;
  }
}

function isWorse(one: IcePath, other: IcePath): boolean {
  if (one.confirmed !== other.confirmed) return !one.confirmed;
  return one.heardAt < other.heardAt;
}

function generation({ localUfrag, localPwd, remoteUfrag, remotePwd }: IceCredentials): Generation {
  return {
    ufrag: localUfrag,
    localKey: encodeText(localPwd),
    remoteKey: encodeText(remotePwd),
    username: encodeText(`${remoteUfrag}:${localUfrag}`),
  };
}
