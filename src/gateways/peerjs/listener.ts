/** A client with its socket, as listeners of a PeerJS server know it. */
export interface PeerjsClient {
  getId(): string;
  getToken(): string;
  /** Sends a frame of PeerJS. */
  send(frame: object): void;
  /** Null once the socket is closed. */
  getSocket(): { close(): void } | null;
}

/** Hears what clients do. */
export interface PeerjsEvents {
  connection(client: PeerjsClient): void;
  disconnect(client: PeerjsClient): void;
  /** A frame that the client sent, before it was acted on. */
  message(client: PeerjsClient, frame: object): void;
}
