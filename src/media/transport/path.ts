import type { StunMessage } from "../../wire/stun/message.ts";
import type { TransportAddress } from "../../wire/stun/transport-address.ts";

/** One way to a peer: the UDP address that it sends from, or a connection of ICE-TCP (RFC 6544). The shell makes them. */
export interface MediaPath {
  /** Names the path in logs: `udp 203.0.113.7 5000`. */
  readonly key: string;
  /** The peer's address as we see it, for XOR-MAPPED-ADDRESS. */
  readonly address: TransportAddress;
  /** A TCP connection: its handshake has proved the peer's address. */
  readonly reliable: boolean;
  /** Bytes that wait to be sent; 0 for UDP. */
  readonly buffered: number;
  /** The peer that has passed a check on this path. Only peers and their table set it. */
  owner: PathOwner | undefined;
  /** Sends STUN or DTLS at once: the bytes may be reused afterwards. False when the system didn't take it. */
  send(bytes: Uint8Array): boolean;
  /** Sends the first `length` bytes as media: false, and nothing is sent, where too much waits already. */
  sendMedia(bytes: Uint8Array, length: number): boolean;
  /** From here on, whatever comes from this address must come with this object. */
  keep(): void;
  /** Nobody uses the path any more: UDP forgets it, TCP closes the connection. */
  release(): void;
}

/** Who takes what comes by a path. None of these throws, whatever comes. */
export interface PathOwner {
  /** A Binding response. */
  answered(message: StunMessage, path: MediaPath, now: number): void;
  /** A datagram of DTLS. */
  dtls(datagram: Uint8Array, path: MediaPath, now: number): void;
  /** A packet of SRTP or SRTCP. */
  media(packet: Uint8Array, now: number): void;
  /** True while another peer may not take the path over. */
  holds(path: MediaPath, now: number): boolean;
  /** The path is gone, or another peer's. */
  leave(path: MediaPath): void;
}
