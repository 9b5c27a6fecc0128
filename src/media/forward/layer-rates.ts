import { RateMeter } from "./rate-meter.ts";
import type { StoredPacket } from "./stored-packet.ts";

/** Temporal and spatial layers of one SSRC that are told apart. */
export const mostTemporal = 4;
const mostSpatial = 4;

/** The rates of the temporal and spatial layers that one SSRC of a publisher has (SVC). */
export class LayerRates {
  /** Of each spatial layer that there has been, by temporal layer. */
  readonly #rates: RateMeter[][] = [];
  /** When the newest packet of each spatial layer came. */
  readonly #cameAt: number[] = [];
  #highestTemporal = 0;

  /** The highest temporal layer that has come; 0 without several. */
  get highestTemporal(): number {
    return this.#highestTemporal;
  }

  add(packet: StoredPacket, now: number): void {
    const spatial = Math.min(packet.spatial, mostSpatial - 1);
    while (this.#rates.length <= spatial) {
      this.#rates.push(Array.from({ length: mostTemporal }, () => new RateMeter()));
      this.#cameAt.push(Number.NEGATIVE_INFINITY);
    }
    this.#rates[spatial]?.[Math.min(packet.temporal, mostTemporal - 1)]?.add(packet.length);
    this.#cameAt[spatial] = now;
    if (packet.temporal > this.#highestTemporal && packet.temporal < mostTemporal)
      this.#highestTemporal = packet.temporal;
  }

  tick(now: number): void {
    for (const rates of this.#rates) for (const rate of rates) rate.tick(now);
  }

  /** The rate up to a temporal and a spatial layer, in bit/s. */
  upTo(temporal: number, spatial = mostSpatial): number {
    let sum = 0;
    for (const rates of this.#rates.slice(0, spatial + 1))
      for (let n = 0; n <= temporal && n < mostTemporal; n++) sum += rates[n]?.rate ?? 0;
    return sum;
  }

  /** The highest spatial layer of which a packet has come within `silence` ms; 0 without several. */
  highestSpatial(now: number, silence: number): number {
    return Math.max(
      0,
      this.#cameAt.findLastIndex((at) => now - at < silence),
    );
  }
}
