/** Where to send datagrams. Made once for many of them. */
export interface UdpTarget {
  readonly port: number;
  readonly address: string;
}

/** A bound UDP socket. Nothing else can bind its address and port. */
export interface UdpSocket {
  readonly address: string;
  readonly port: number;
  /**
   * Sends one datagram at once: the bytes may be reused when it returns. False when the system did not take it, which is no worse
   * than a lost datagram. The address must be numeric.
   */
  send(bytes: Uint8Array, port: number, address: string): boolean;
  /** Makes a target for {@link sendPart} of this socket. */
  target(port: number, address: string): UdpTarget;
  /** Like {@link send}, for the first `length` bytes, as cheaply as the platform can. */
  sendPart(bytes: Uint8Array, length: number, target: UdpTarget): boolean;
  /** Sets the DF bit for what is sent from now on. There only if {@link canSetDontFragment}. */
  dontFragment?(on: boolean): void;
  close(): void;
}

export interface UdpOptions {
  /** A numeric address. An IPv6 socket takes no IPv4. */
  readonly address: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** Bytes of the kernel's receive buffer, as far as the system allows; 0 for its default. */
  readonly receiveBuffer?: number;
  /** A datagram came. The receiver may keep the bytes. The address is as the system writes it. */
  receive(bytes: Uint8Array, port: number, address: string): void;
}
