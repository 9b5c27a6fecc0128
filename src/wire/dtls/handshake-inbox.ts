import {
  type HandshakeFragment,
  type HandshakeMessage,
  messageHeaderBytes,
  messageType,
} from "./handshake-message.ts";
import type { Role } from "./key-schedule.ts";
import { Reassembly } from "./reassembly.ts";

const long = 8 * 1024;
const short = 1024;
/** What each side may receive before there are keys, and the longest body of each. */
const plainLimits: Readonly<Record<Role, ReadonlyMap<number, number>>> = {
  server: new Map([
    [messageType.clientHello, long],
    [messageType.certificate, long],
    [messageType.clientKeyExchange, short],
    [messageType.certificateVerify, short],
  ]),
  client: new Map([
    [messageType.helloVerifyRequest, short],
    [messageType.serverHello, long],
    [messageType.certificate, long],
    [messageType.serverKeyExchange, short],
    [messageType.certificateRequest, short],
    [messageType.serverHelloDone, short],
  ]),
};
const sealedLimits: ReadonlyMap<number, number> = new Map([[messageType.finished, short]]);
/** How far ahead of the next message a fragment may be. */
const ahead = 4;

/** The peer's handshake messages, which may come in pieces and in any order; of what can't be one of the next, nothing is kept. */
export class HandshakeInbox {
  readonly #role: Role;
  readonly #reassembly = new Reassembly();

  constructor(role: Role) {
    this.#role = role;
  }

  /** Bytes of messages that wait. */
  get bytes(): number {
    return this.#reassembly.bytes;
  }

  /** Takes a fragment where it may belong to one of the next messages, or to a ClientHello that a server has taken already. */
  add(fragment: HandshakeFragment, epoch: 0 | 1, expects: readonly number[]): void {
    const { type, length, sequence } = fragment;
    const limits = epoch === 0 ? plainLimits[this.#role] : sealedLimits;
    const most = limits.get(type);
    if (most === undefined || length > most) return;
    if (type === messageType.clientHello ? sequence === 0 : isNear(sequence, expects, this.#role))
      this.#reassembly.add(fragment);
  }

  /** A whole message of one of these sequence numbers. */
  next(expects: readonly number[]): HandshakeMessage | undefined {
    for (const sequence of expects) {
      const message = this.#reassembly.whole(sequence);
      if (message !== undefined) return message;
    }
    return undefined;
  }

  /** Drops whatever was received for this and earlier sequence numbers. */
  remove(sequence: number): void {
    this.#reassembly.remove(sequence);
  }

  clear(): void {
    this.#reassembly.clear();
  }
}

/** Before its ClientHello was taken, a server keeps nothing else. */
function isNear(sequence: number, expects: readonly number[], role: Role): boolean {
  const first = expects[0] ?? 0;
  if (role === "server" && first === 0) return false;
  return sequence >= first && sequence <= first + ahead;
}

/** A record of that content length holds a whole Finished, sealed: the only record that is kept until there are keys. */
export const sealedFinishedBytes = messageHeaderBytes + 12 + 24;
