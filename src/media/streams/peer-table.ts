import type { MediaIdentity } from "../service.ts";
import type { LiveStream } from "./live-stream.ts";
import { MediaPeer } from "./media-peer.ts";
import { PeerShares, type ShareLimits } from "./peer-shares.ts";
import type { StreamPorts } from "./ports.ts";

/** How often the table looks for credentials that have expired. ms */
const expiryInterval = 1_000;
/** Random bytes of a session's id, an ICE user name fragment and an ICE password (RFC 8445 §5.3 asks for 3 and 16). */
const [idBytes, ufragBytes, pwdBytes] = [18, 6, 18];

/** All peers of this node: their ids, what each user has of them, and when their credentials expire. */
export class PeerTable {
  readonly #ports: StreamPorts;
  readonly #shares: PeerShares;
  readonly #expired: (peer: MediaPeer) => void;
  readonly #peers = new Map<string, MediaPeer>();
  #lastNumber = 0;
  #watching = false;

  /** `expired`: ends a peer whose credential is no longer valid. */
  constructor(ports: StreamPorts, limits: ShareLimits, expired: (peer: MediaPeer) => void) {
    this.#ports = ports;
    this.#shares = new PeerShares(limits);
    this.#expired = expired;
  }

  get(id: string): MediaPeer | undefined {
    return this.#peers.get(id);
  }

  values(): IterableIterator<MediaPeer> {
    return this.#peers.values();
  }

  /** The peers of a user, or those of one of the user's devices. */
  of(user: string, device: string | undefined): MediaPeer[] {
    return [...this.#peers.values()].filter(
      ({ identity }) => identity.user === user && (device === undefined || identity.device === device),
    );
  }

  /** True where one more peer of this user or address would be too many. */
  isFull(identity: MediaIdentity): boolean {
    return this.#shares.full(identity);
  }

  /** A new peer, with an id and ICE credentials of its own. */
  add(role: MediaPeer["role"], stream: LiveStream, worker: number, identity: MediaIdentity): MediaPeer {
    this.#lastNumber += 1;
    const id = this.#ports.random(idBytes);
    const peer = new MediaPeer({
      ...{ id, number: this.#lastNumber, worker, role, stream, identity },
      ...this.newCredentials(),
    });
    this.#peers.set(id, peer);
    this.#shares.entered(identity);
    this.#watchExpiries();
    return peer;
  }

  remove(peer: MediaPeer): void {
    if (this.#peers.delete(peer.id)) this.#shares.left(peer.identity);
  }

  /** Our ICE credentials for a new transport. */
  newCredentials(): { readonly ufrag: string; readonly pwd: string } {
    return { ufrag: this.#ports.random(ufragBytes), pwd: this.#ports.random(pwdBytes) };
  }

  /** Lets the peer stay for as long as this credential is valid, where it is the same user's. */
  renew(id: string, { user, expires }: MediaIdentity): void {
    const peer = this.#peers.get(id);
    if (peer !== undefined && peer.identity.user === user) peer.expires = Math.max(peer.expires, expires);
  }

  /** Looks for expired credentials for as long as there are peers. */
  #watchExpiries(): void {
    if (this.#watching) return;
    this.#watching = true;
    this.#ports.after(expiryInterval, () => {
      this.#watching = false;
      const now = this.#ports.now();
      for (const peer of [...this.#peers.values()]) if (peer.expires <= now) this.#expired(peer);
      if (this.#peers.size > 0) this.#watchExpiries();
    });
  }
}
