/** Where datagrams go: made once for many of them. */
export interface UdpTarget {
  readonly port: number;
  readonly address: string;
}

/** A bound UDP socket. No one else can bind its address and port. */
export interface UdpSocket {
  readonly address: string;
  readonly port: number;
  /**
   * Sends one datagram, now: the bytes may be written over when it returns. False when the system wouldn't take it; that is
   * no more than a loss. The address must be numeric.
   */
  send(bytes: Uint8Array, port: number, address: string): boolean;
  /** A target of {@link sendPart} of this socket. */
  target(port: number, address: string): UdpTarget;
  /** The same as {@link send}, for the first so many bytes; as cheap as the platform can. */
  sendPart(bytes: Uint8Array, length: number, target: UdpTarget): boolean;
  /** Sets the DF bit of what is sent from now on. Only where {@link canSetDontFragment}. */
  dontFragment?(on: boolean): void;
  close(): void;
}

export interface UdpOptions {
  /** A numeric address. An IPv6 socket takes no IPv4. */
  readonly address: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** Bytes of the kernel's receive buffer, as far as it lets us; 0 leaves the system's default. */
  readonly receiveBuffer?: number;
  /** The bytes are the receiver's. The address is as the system writes it. */
  receive(bytes: Uint8Array, port: number, address: string): void;
}
