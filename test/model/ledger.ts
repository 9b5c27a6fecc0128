/** Where a device stands: `alice/1`. */
export type Slot = string;

export interface SentCandidate {
  readonly session: string;
  readonly from: Slot;
  readonly to: Slot | undefined;
  readonly pair: number;
  readonly generation: number;
}

/** What has happened in the whole world, as no single participant can know it. Breaks of an invariant throw. */
export class Ledger {
  /** Session → the device whose accept was answered with ok. */
  readonly #accepted = new Map<string, Slot>();
  /** Session → the device that the caller's confirm took. */
  readonly #confirmed = new Map<string, string>();
  readonly #keys = new Map<string, string>();
  readonly #began = new Map<string, number>();
  readonly #candidates: (SentCandidate & { delivered: boolean })[] = [];
  /** Every session id that anybody has heard of. */
  readonly sessions: string[] = [];

  heardOf(session: string): void {
    if (!this.sessions.includes(session)) this.sessions.push(session);
  }

  acceptOk(session: string, slot: Slot): void {
    const other = this.#accepted.get(session);
    if (other !== undefined) throw new Error(`${session}: accept is ok for ${other} and for ${slot}`);
    this.#accepted.set(session, slot);
    this.#agree(session);
  }

  confirmOk(session: string, device: string): void {
    const other = this.#confirmed.get(session);
    if (other !== undefined && other !== device)
      throw new Error(`${session}: the caller confirmed ${other} and ${device}`);
    this.#confirmed.set(session, device);
    this.#agree(session);
  }

  #agree(session: string): void {
    const accepted = this.#accepted.get(session)?.split("/")[1];
    const confirmed = this.#confirmed.get(session);
    if (accepted !== undefined && confirmed !== undefined && accepted !== confirmed)
      throw new Error(`${session}: ${accepted} was told that it won, the caller that ${confirmed} did`);
  }

  /** A server has begun this session. */
  began(session: string, now: number): void {
    this.#began.set(session, now);
  }

  /**
   * A call with a key was answered, and heard of `now`. The key counts from when the session began, which may be long before:
   * the reply of an earlier request was lost then.
   */
  keyed(user: string, key: string, session: string, now: number, ttl: number): void {
    const known = this.#keys.get(`${user} ${key}`);
    if (known !== undefined && known !== session && now < (this.#began.get(known) ?? 0) + ttl)
      throw new Error(`key ${key} of ${user} made ${known} and ${session}`);
    this.#keys.set(`${user} ${key}`, session);
  }

  /** Its keys may be remembered by nobody. */
  forgetKeys(user: string): void {
    for (const known of this.#keys.keys()) if (known.startsWith(`${user} `)) this.#keys.delete(known);
  }

  /** Makes a candidate that can be told from all others. */
  candidate(sent: SentCandidate): { candidate: string; sdpMid: string } {
    this.#candidates.push({ ...sent, delivered: false });
    return {
      candidate: `candidate:${this.#candidates.length - 1} 1 udp 1 192.0.2.1 1 typ host`,
      sdpMid: "0",
    };
  }

  /** A device has heard a candidate. */
  arrived(line: string, at: Slot, session: string, pair: number, generation: number): void {
    const sent = this.#candidates[Number(/^candidate:(\d+)/.exec(line)?.[1])];
    const where = `${line} at ${at} in ${session}#${pair}.${generation}`;
    if (sent === undefined) throw new Error(`nobody sent ${where}`);
    if (sent.delivered) throw new Error(`a second time: ${where}`);
    sent.delivered = true;
    if (sent.session !== session || sent.pair !== pair || sent.generation !== generation)
      throw new Error(`sent for ${sent.session}#${sent.pair}.${sent.generation}: ${where}`);
    if (sent.from === at || (sent.to !== undefined && sent.to !== at))
      throw new Error(`sent by ${sent.from} to ${sent.to}: ${where}`);
  }
}
