import type { DtlsCrypto, SuiteHash } from "./crypto.ts";
import type { HandshakeMessage } from "./handshake-message.ts";

/** The handshake messages so far, which signatures and Finished cover (RFC 6347 §4.2.6). */
export class Transcript {
  readonly #messages: Uint8Array[] = [];

  get messages(): readonly Uint8Array[] {
    return this.#messages;
  }

  get length(): number {
    return this.#messages.length;
  }

  add(...messages: readonly HandshakeMessage[]): void {
    for (const { bytes } of messages) this.#messages.push(bytes);
  }

  hash(crypto: DtlsCrypto, hash: SuiteHash): Uint8Array {
    return crypto.digest(hash, this.#messages);
  }

  /** Forgets the messages after the first `length`. */
  truncate(length: number): void {
    this.#messages.length = length;
  }

  /** Overwrites and forgets all messages. */
  wipe(): void {
    for (const bytes of this.#messages) bytes.fill(0);
    this.#messages.length = 0;
  }
}
