import { attribute } from "../../wire/stun/attribute-type.ts";
import { errorCode } from "../../wire/stun/error-code.ts";
import { checkFingerprint } from "../../wire/stun/fingerprint.ts";
import { checkIntegrity } from "../../wire/stun/integrity.ts";
import type { StunMessage } from "../../wire/stun/message.ts";
import { encodeText } from "../../wire/stun/text.ts";
import type { CheckOutcome, IceCredentials } from "./ice-lite.ts";
import {
  bindingError,
  bindingSuccess,
  controllingRequest,
  type IceCrypto,
  receiverUfrag,
  unknownAttributes,
} from "./ice-message.ts";
import { IcePath } from "./ice-path.ts";
import type { MediaPath } from "./path.ts";

export interface IceControllingOptions {
  readonly credentials: IceCredentials;
  readonly crypto: IceCrypto;
  /** To the candidates that the peer's answer names, best first. */
  readonly paths: readonly MediaPath[];
  /** Checks with this fragment are valid no longer. */
  released(ufrag: string): void;
  /** The path is used no more. */
  forgotten(path: MediaPath): void;
}

/** Between two checks of ours until a path is selected (RFC 8445 §14.2), ms. */
const pace = 50;

/**
 * The ICE agent of a peer that our own offer reaches, with the controlling role (RFC 8445 §6.1.1): it checks the candidates of the peer's
 * answer in turn, nominates the first that answers, and sends there. The peer's own checks are answered, so that a full agent finds its pairs.
 */
export class IceControlling {
  readonly #options: IceControllingOptions;
  readonly #localKey: Uint8Array;
  readonly #remoteKey: Uint8Array;
  readonly #username: Uint8Array;
  readonly #tieBreaker: Uint8Array;
  readonly #paths: Map<MediaPath, IcePath>;
  #nominated: IcePath | undefined;
  #selected: IcePath | undefined;
  #turn = 0;
  #checkAt: number;

  constructor(options: IceControllingOptions, now: number) {
    const { localUfrag, localPwd, remoteUfrag, remotePwd } = options.credentials;
    this.#options = options;
    this.#localKey = encodeText(localPwd);
    this.#remoteKey = encodeText(remotePwd);
    this.#username = encodeText(`${remoteUfrag}:${localUfrag}`);
    this.#tieBreaker = options.crypto.random(8);
    // The peer has named these addresses in an answer to us: checks go there unasked (RFC 8445 §7.2).
    this.#paths = new Map(options.paths.map((path) => [path, new IcePath(path, now, true)]));
    this.#checkAt = now;
  }

  /** The path that the peer has accepted. */
  get selected(): IcePath | undefined {
    return this.#selected;
  }

  get consentedAt(): number {
    return this.#selected?.consentedAt ?? Number.NEGATIVE_INFINITY;
  }

  /** When {@link tick} has a check to send; undefined once a path is selected. */
  get nextDeadline(): number | undefined {
    return this.#selected === undefined ? this.#checkAt : undefined;
  }

  of(path: MediaPath): IcePath | undefined {
    return this.#paths.get(path);
  }

  /** Sends the next check. */
  tick(now: number): void {
    if (this.#selected !== undefined || now < this.#checkAt) return;
    this.#checkAt = now + pace;
    const paths = [...this.#paths.values()];
    const next = this.#nominated ?? paths[this.#turn++ % Math.max(1, paths.length)];
    if (next !== undefined) this.#ask(next, now);
  }

  /** Asks for an answer by the selected path. */
  ask(now: number): void {
    if (this.#selected !== undefined) this.#ask(this.#selected, now);
  }

  /** A check of the peer's. It is answered where it is authentic, and changes nothing. */
  check(message: StunMessage, path: MediaPath, now: number): CheckOutcome {
    const { credentials, crypto } = this.#options;
    const authentic =
      receiverUfrag(message) === credentials.localUfrag &&
      checkFingerprint(message) !== false &&
      checkIntegrity(message, "sha1", this.#localKey, crypto);
    if (!authentic) return "forged";
    const unknown = unknownAttributes(message);
    const conflict = message.has(attribute.iceControlling);
    if (unknown.length > 0 || conflict) {
      const code = conflict ? errorCode.roleConflict : errorCode.unknownAttribute;
      path.send(bindingError(message, code, conflict ? [] : unknown, this.#localKey, crypto));
      return "refused";
    }
    const known = this.#paths.get(path);
    if (known !== undefined) known.heardAt = now;
    path.send(bindingSuccess(message, path.address, this.#localKey, crypto));
    return "valid";
  }

  /** A Binding response. False where it answers nothing that was asked by this path. */
  answered(message: StunMessage, path: MediaPath, now: number): boolean {
    const known = this.#paths.get(path);
    const question = known?.questionOf(message.transactionId);
    if (known === undefined || question === undefined || message.class !== "success") return false;
    if (!checkIntegrity(message, "sha1", question.key, this.#options.crypto)) return false;
    known.answered(question, true, now);
    if (this.#nominated === known) this.#selected = known;
    this.#nominated ??= known;
    return true;
  }

  leave(path: MediaPath): void {
    const known = this.#paths.get(path);
    this.#paths.delete(path);
    if (known === this.#selected) this.#selected = undefined;
    if (known === this.#nominated) this.#nominated = undefined;
  }

  close(): void {
    this.#options.released(this.#options.credentials.localUfrag);
    this.#selected = undefined;
    for (const path of this.#paths.keys()) this.#options.forgotten(path);
    this.#paths.clear();
  }

  #ask(known: IcePath, now: number): void {
    const { crypto } = this.#options;
    const make = () => {
      const transactionId = Uint8Array.from(crypto.random(12));
      const nominates = known === this.#nominated;
      const message = controllingRequest(
        transactionId,
        { username: this.#username, tieBreaker: this.#tieBreaker, nominates },
        this.#remoteKey,
        crypto,
      );
      return { transactionId, message };
    };
    known.ask(this.#remoteKey, make, now);
  }
}
