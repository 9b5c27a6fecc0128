const amplification = 3;

/**
 * Bounds what is sent to an address until something random of ours has come back from it: an ICE check proves that the sender knows a
 * password, not that it receives at that address. Until then at most three times the bytes received are sent, and nothing is repeated by
 * a timer. One budget belongs to one address of one session; whoever sends other datagrams there (STUN responses) spends from it too.
 */
export class PathBudget {
  #received = 0;
  #sent = 0;
  #proved: boolean;

  /** `proved`: from the start, as on TCP, or when a Binding request of ours was answered from there. */
  constructor(proved = false) {
    this.#proved = proved;
  }

  get proved(): boolean {
    return this.#proved;
  }

  /** Bytes received from the address so far. */
  get bytesReceived(): number {
    return this.#received;
  }

  /** Bytes sent to the address so far. */
  get bytesSent(): number {
    return this.#sent;
  }

  prove(): void {
    this.#proved = true;
  }

  received(bytes: number): void {
    this.#received += bytes;
  }

  /** Asks to send so many bytes. False, with nothing spent, when they are too many. */
  spend(bytes: number): boolean {
    if (!this.#proved && this.#sent + bytes > amplification * this.#received) return false;
    this.#sent += bytes;
    return true;
  }
}
