/** Where datagrams go; made once for many of them. */
export interface DatagramTarget {
  readonly port: number;
  readonly address: string;
}

/** A UDP socket. What it sends it takes at once, so that the bytes may be written over; it answers false when it couldn't. */
export interface DatagramSocket {
  target(port: number, address: string): DatagramTarget;
  /** Sends the first so many bytes. */
  sendPart(bytes: Uint8Array, length: number, target: DatagramTarget): boolean;
}
