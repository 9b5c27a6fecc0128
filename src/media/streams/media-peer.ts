import type { CodecName, TransportParameters } from "../negotiated.ts";
import type { MediaIdentity, PeerEvent, RemoteTransport } from "../service.ts";
import type { LiveStream } from "./live-stream.ts";

/** What a worker was asked for and has not answered. */
export type Answer = "opened" | "refused" | "died";

interface IceCredentials {
  readonly ufrag: string;
  readonly pwd: string;
}

/** A publisher or a viewer: one transport at one worker. */
export class MediaPeer {
  /** Unguessable. */
  readonly id: string;
  /** Its number at its worker. */
  readonly number: number;
  readonly worker: number;
  readonly role: "publisher" | "viewer";
  readonly stream: LiveStream;
  readonly identity: MediaIdentity;
  /** When its credential expires. Unix ms. */
  expires: number;
  /** Our ICE credentials, of the newest restart. */
  ufrag: string;
  pwd: string;
  state: "opening" | "connecting" | "connected" | "lost" | "ended" = "opening";
  /** Ends the wait for its connection. */
  stopWaiting: (() => void) | undefined;
  /** The codecs that a viewer takes, of both kinds. */
  takes: ReadonlySet<CodecName> = new Set();
  /** The simulcast layer that a viewer gets. */
  rid: string | undefined;
  /** What its worker was told of ICE and DTLS at both ends, once it was opened. */
  #transport: TransportParameters | undefined;
  readonly #listeners = new Set<(event: PeerEvent) => void>();
  #answered: ((answer: Answer) => void) | undefined;

  constructor(
    facts: Pick<MediaPeer, "id" | "number" | "worker" | "role" | "stream" | "identity" | "ufrag" | "pwd">,
  ) {
    this.id = facts.id;
    this.number = facts.number;
    this.worker = facts.worker;
    this.role = facts.role;
    this.stream = facts.stream;
    this.identity = facts.identity;
    this.expires = facts.identity.expires;
    this.ufrag = facts.ufrag;
    this.pwd = facts.pwd;
  }

  /** The transport that its worker opens. */
  opens({ ufrag, pwd, dtlsRole, fingerprints }: RemoteTransport): TransportParameters {
    this.#transport = {
      localUfrag: this.ufrag,
      localPwd: this.pwd,
      remoteUfrag: ufrag,
      remotePwd: pwd,
      dtlsRole,
      fingerprints,
    };
    return this.#transport;
  }

  /** The transport after an ICE restart, with new credentials of both ends. Undefined for a peer that was not opened. */
  restarts(own: IceCredentials, remote: IceCredentials): TransportParameters | undefined {
    if (this.#transport === undefined) return undefined;
    this.ufrag = own.ufrag;
    this.pwd = own.pwd;
    return this.opens({ ...this.#transport, ...remote });
  }

  /** Resolves once the worker has taken or refused it. */
  get answer(): Promise<Answer> {
    return new Promise((resolve) => {
      this.#answered = resolve;
    });
  }

  answered(answer: Answer): void {
    this.#answered?.(answer);
    this.#answered = undefined;
  }

  listen(heard: (event: PeerEvent) => void): () => void {
    this.#listeners.add(heard);
    return () => this.#listeners.delete(heard);
  }

  tell(event: PeerEvent): void {
    for (const heard of [...this.#listeners]) heard(event);
  }
}
