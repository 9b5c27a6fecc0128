import type { Deadlines } from "../../shared/deadlines.ts";
import type { RoomMember } from "./room-member.ts";

/** Makes and ends the sessions of a mesh. */
export interface MeshHost {
  connect(offerer: RoomMember, answerer: RoomMember, now: number): void;
  /** Ends all of the member's sessions in this room. */
  disconnect(member: RoomMember, now: number): void;
}

/** The members of a room that have a session with each other: the one with the higher join index offers. */
export class RoomMesh {
  readonly #host: MeshHost;
  readonly #deadlines: Deadlines;
  /** Member → those it was connected with. */
  readonly #connected = new Map<RoomMember, Set<RoomMember>>();

  constructor(host: MeshHost, deadlines: Deadlines) {
    this.#host = host;
    this.#deadlines = deadlines;
  }

  get size(): number {
    return this.#connected.size;
  }

  /** Takes the member in or out as it asks now. Its sessions come after the reply of the request in hand. */
  update(member: RoomMember, now: number): void {
    if (!member.mesh) this.remove(member, now);
    else if (!this.#connected.has(member)) {
      this.#connected.set(member, new Set());
      this.#deadlines.add(now, (then) => this.#connect(member, then));
    }
  }

  remove(member: RoomMember, now: number): void {
    const peers = this.#connected.get(member);
    if (peers === undefined) return;
    this.#connected.delete(member);
    for (const peer of peers) this.#connected.get(peer)?.delete(member);
    this.#host.disconnect(member, now);
  }

  #connect(member: RoomMember, now: number): void {
    const connected = this.#connected.get(member);
    if (connected === undefined) return;
    for (const [peer, connectedOfPeer] of this.#connected) {
      if (peer === member || connected.has(peer)) continue;
      connected.add(peer);
      connectedOfPeer.add(member);
      const [offerer, answerer] = peer.info.index < member.info.index ? [member, peer] : [peer, member];
      this.#host.connect(offerer, answerer, now);
    }
  }
}
