/** Where to send datagrams. Made once for many of them. */
export interface DatagramTarget {
  readonly port: number;
  readonly address: string;
}

/** What the machine needs of a UDP socket. */
export interface DatagramSocket {
  target(port: number, address: string): DatagramTarget;
  /** Sends the first `length` bytes. They may be reused when it returns. False when they could not be sent. */
  sendPart(bytes: Uint8Array, length: number, target: DatagramTarget): boolean;
}
