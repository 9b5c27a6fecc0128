import { type Deadline, Deadlines } from "../../shared/deadlines.ts";
import { parseMessage } from "../../wire/stun/message.ts";
import { method } from "../../wire/stun/message-type.ts";
import type { TransportParameters } from "../negotiated.ts";
import { Drops } from "./drops.ts";
import { receiverUfrag } from "./ice-message.ts";
import type { MediaPath } from "./path.ts";
import {
  type PeerPorts,
  PeerTransport,
  type TransportHost,
  type TransportLimits,
  type TransportShared,
  transportLimits,
} from "./peer-transport.ts";

/** What all transports of a worker share. Limits that are left out are the usual ones. */
export type TransportTableOptions = Omit<TransportShared, "limits"> & {
  readonly limits?: Partial<TransportLimits>;
};

/**
 * All peers of one worker: gives each datagram to the peer that it is for (RFC 7983), and keeps their deadlines. A check finds its peer by
 * the fragment in its USERNAME; everything else by the path that it comes by, so nothing is kept of a stranger. A pure machine.
 *
 * @example
 * ```ts
 * const table = new TransportTable({ certificate, dtlsCrypto, srtpCrypto, iceCrypto, gates, sink });
 * const peer = table.add(parameters, ports, now); // parameters: of SDP; ports: what happens to the peer
 * table.datagram(bytes, path, now); // whatever comes; the shell's sockets do this
 * table.tick(now); // at table.nextDeadline or later
 * ```
 */
export class TransportTable {
  /** What was dropped so far, by reason. */
  readonly drops = new Drops();
  readonly #shared: TransportShared;
  readonly #peers = new Set<PeerTransport>();
  readonly #byUfrag = new Map<string, PeerTransport>();
  readonly #deadlines = new Deadlines();

  constructor(shared: TransportTableOptions) {
    this.#shared = { ...shared, limits: { ...transportLimits, ...shared.limits } };
  }

  /** Peers that aren't closed. */
  get size(): number {
    return this.#peers.size;
  }

  /** When `tick` has something to do; undefined without peers. */
  get nextDeadline(): number | undefined {
    return this.#deadlines.next;
  }

  /**
   * Adds a peer; its `close` removes it. `paths`: to the candidates of its answer, where the offer was ours. Throws a RangeError where no fingerprint of the peer is of a hash that we take, or where another
   * peer has its fragment.
   */
  add(
    parameters: TransportParameters,
    ports: PeerPorts,
    now: number,
    paths?: readonly MediaPath[],
  ): PeerTransport {
    const host = new Member(this.drops, this.#byUfrag, this.#deadlines);
    const peer = new PeerTransport(this.#shared, parameters, ports, host, now, paths);
    host.join(this.#peers, peer, parameters.localUfrag);
    return peer;
  }

  /** Takes whatever came by a path. Packets of media that were opened are new memory; nothing else of the datagram is kept. */
  datagram(bytes: Uint8Array, path: MediaPath, now: number): void {
    const first = bytes[0] ?? 0xff;
    if (first < 4) this.#stun(bytes, path, now);
    else if (path.owner === undefined) this.drops.count("unknown_sender");
    else if (first >= 128 && first <= 191) path.owner.media(bytes, now);
    else if (first >= 20 && first <= 63) path.owner.dtls(bytes, path, now);
    else this.drops.count("not_media");
  }

  /** A connection of ICE-TCP has closed. */
  pathClosed(path: MediaPath): void {
    const { owner } = path;
    path.owner = undefined;
    owner?.leave(path);
  }

  /** Runs what is due. Before `nextDeadline` it does nothing. */
  tick(now: number): void {
    this.#deadlines.run(now);
  }

  #stun(bytes: Uint8Array, path: MediaPath, now: number): void {
    const message = parseMessage(bytes);
    if (message === undefined || message.method !== method.binding) this.drops.count("malformed_stun");
    else if (message.class === "request") {
      const ufrag = receiverUfrag(message);
      const peer = ufrag === undefined ? undefined : this.#byUfrag.get(ufrag);
      if (peer === undefined) this.drops.count("unknown_ufrag");
      else if (path.owner !== undefined && path.owner !== peer && path.owner.holds(path, now))
        this.drops.count("path_taken");
      else peer.checked(message, path, now);
    } else if (message.class !== "indication") {
      if (path.owner === undefined) this.drops.count("unasked_answer");
      else path.owner.answered(message, path, now);
    }
  }
}

/** A peer's place in the table. One object for all that the peer asks of it: there are thousands. */
class Member implements TransportHost {
  readonly drops: Drops;
  readonly #byUfrag: Map<string, PeerTransport>;
  readonly #deadlines: Deadlines;
  #peers: Set<PeerTransport> | undefined;
  #peer: PeerTransport | undefined;
  #deadline: Deadline | undefined;

  constructor(drops: Drops, byUfrag: Map<string, PeerTransport>, deadlines: Deadlines) {
    this.drops = drops;
    this.#byUfrag = byUfrag;
    this.#deadlines = deadlines;
  }

  /** Takes the peer, once it is made. Throws a RangeError where another one has its fragment. */
  join(peers: Set<PeerTransport>, peer: PeerTransport, ufrag: string): void {
    this.#peer = peer;
    this.claim(ufrag);
    this.#peers = peers;
    peers.add(peer);
    this.reschedule();
  }

  claim(ufrag: string): void {
    const holder = this.#byUfrag.get(ufrag);
    if (holder !== undefined && holder !== this.#peer)
      throw new RangeError(`another peer has the ICE fragment ${ufrag}`);
    if (this.#peer !== undefined) this.#byUfrag.set(ufrag, this.#peer);
  }

  release(ufrag: string): void {
    this.#byUfrag.delete(ufrag);
  }

  /** A deadline that comes too early does nothing but this, so only one that is too late is replaced. */
  reschedule(): void {
    const next = this.#peer?.nextDeadline;
    if (this.#peers === undefined || next === undefined) return;
    if (this.#deadline !== undefined && this.#deadline.at <= next) return;
    this.#deadline?.cancel();
    this.#deadline = this.#deadlines.add(next, this.#due);
  }

  remove(): void {
    this.#deadline?.cancel();
    if (this.#peer !== undefined) this.#peers?.delete(this.#peer);
    this.#peers = undefined;
  }

  readonly #due = (now: number): void => {
    this.#deadline = undefined;
    this.#peer?.tick(now);
    this.reschedule();
  };
}
