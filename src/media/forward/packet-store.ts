import type { StoredPacket } from "./stored-packet.ts";

/** Packets and bytes that a store keeps, and how long a keyframe is of use to somebody who joins, in ms. */
const [mostPackets, mostBytes, cacheAge] = [2_048, 2_000_000, 2_000];

/** The newest packets of one layer, by number: what repeats, and pictures for those who join, are taken from. */
export class PacketStore {
  readonly #packets: (StoredPacket | undefined)[] = new Array(mostPackets).fill(undefined);
  /** The oldest and the newest number kept; the store is empty where the oldest is greater. */
  #oldest = 0;
  #newest = -1;
  #bytes = 0;
  #keyframe = -1;
  #whole = false;

  get newest(): number {
    return this.#newest;
  }

  /** The oldest number that may be kept. */
  get oldest(): number {
    return this.#oldest;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get(number: number): StoredPacket | undefined {
    if (number < this.#oldest || number > this.#newest) return undefined;
    const packet = this.#packets[number % mostPackets];
    return packet?.number === number ? packet : undefined;
  }

  /** Keeps a packet under its number, and forgets the oldest ones for it. One that is too old is not kept. */
  put(packet: StoredPacket): void {
    const { number } = packet;
    if (this.#newest < 0) this.#oldest = number;
    if (number < this.#oldest) return;
    if (number > this.#newest) {
      if (number - this.#newest > mostPackets && this.#newest >= 0) this.clear(number);
      this.#newest = number;
      while (number - this.#oldest >= mostPackets) this.#forget();
      if (packet.keyframe) {
        this.#keyframe = number;
        this.#whole = true;
      }
    }
    const slot = number % mostPackets;
    this.#bytes += packet.length - (this.#packets[slot]?.length ?? 0);
    this.#packets[slot] = packet;
    while (this.#bytes > mostBytes && this.#oldest < this.#newest) this.#forget();
  }

  /** Packets were given up: what follows can't be decoded until the next keyframe. */
  broken(): void {
    this.#whole = false;
  }

  /** The keyframe from which a viewer who joins now can be served; undefined where it is too old, or something is missing behind it. */
  keyframe(now: number): StoredPacket | undefined {
    if (!this.#whole) return undefined;
    const packet = this.get(this.#keyframe);
    return packet !== undefined && now - packet.arrival <= cacheAge ? packet : undefined;
  }

  clear(oldest = this.#newest + 1): void {
    this.#packets.fill(undefined);
    this.#bytes = 0;
    this.#oldest = oldest;
    this.#whole = false;
  }

  #forget(): void {
    const slot = this.#oldest % mostPackets;
    this.#bytes -= this.#packets[slot]?.length ?? 0;
    this.#packets[slot] = undefined;
    this.#oldest++;
  }
}
