import type { Layer } from "./layer.ts";
import { mostTemporal } from "./layer-rates.ts";
import type { LayerWish } from "./ports.ts";

/** Something that a viewer can be sent: a layer up to a spatial and a temporal layer. */
export interface Step {
  readonly layer: Layer;
  readonly temporal: number;
  readonly spatial: number;
  /** True where the layer has no spatial layer above. */
  readonly whole: boolean;
  /** Of the picture, where that is known. */
  readonly height: number | undefined;
  /** In bit/s. */
  readonly rate: number;
}

/** Loss beyond which a viewer goes down, and up to which it may go up; shares of its packets. */
const [badLoss, goodLoss] = [0.08, 0.03];
/**
 * Of a step's rate: below the first a receiver that loses packets gets less, below the second one that loses none. A receiver's estimate
 * begins low, rises slowly, and is at most about 1.5 times what it gets, so without loss an estimate near the rate says nothing.
 */
const [tooLittle, farTooLittle] = [0.9, 0.65];
/** Of a step's rate, and above that in bit/s: an estimate beyond this is one of the network, for it can't come from what we send. */
const [limitedByUs, aboveUs] = [1.7, 20_000];
/** How long an estimate must be far too low before it counts without loss, in ms. */
const lowFor = 2_000;
/** Of a step's rate: an estimate of at least this lets a step up be tried. */
const enough = 0.8;
/** Ms of good conditions before a step up, at first and at most; a step up has failed when it doesn't last so long. */
const [upAfter, mostUpAfter, trial] = [5_000, 60_000, 10_000];
/** Ms between steps down for loss: what was sent before still counts in the next report. */
const downPause = 1_500;
/** An estimate older than this says nothing. ms */
const estimateAge = 10_000;
const mostEstimate = 1e9;

/**
 * All that can be sent of a track's layers, from the least to the most: of the smallest each temporal layer, and ahead of each larger one that one
 * without its top temporal layer. The spatial layers of one SSRC are steps as well. Layers that the publisher has switched off are left out, unless all are.
 */
export function ladder(all: readonly Layer[], now: number): Step[] {
  const active = all.filter((layer) => layer.active(now));
  const layers =
    active.length > 0 ? active : all.filter(({ stopped, source }) => !stopped && source === undefined);
  const sized = layers.every(({ height }) => height !== undefined);
  const size = ({ width = 0, height = 0, bitrate }: Layer): number => (sized ? width * height : bitrate);
  const steps: Step[] = [];
  layers
    .sort((one, other) => size(one) - size(other))
    .forEach((layer, n) => {
      const top = Math.min(layer.highestTemporal, mostTemporal - 1);
      const highest = layer.highestSpatial(now);
      for (let spatial = 0; spatial <= highest; spatial++)
        for (let temporal = n + spatial === 0 ? 0 : Math.max(0, top - 1); temporal <= top; temporal++) {
          const whole = spatial === highest;
          const rate = whole && temporal === top ? layer.bitrate : layer.bitrateUpTo(temporal, spatial);
          const height = whole ? layer.height : layer.sizes[spatial]?.height;
          steps.push({ layer, temporal, spatial, whole, height, rate });
        }
    });
  return steps;
}

/** The highest step that a wish allows, the lowest at least. */
export function highestWished(steps: readonly Step[], wish: LayerWish): number {
  const ridAt = wish.rid === undefined ? -1 : steps.findLastIndex(({ layer }) => layer.rid === wish.rid);
  let highest = ridAt < 0 ? steps.length - 1 : ridAt;
  const fits = ({ height, temporal, rate }: Step): boolean =>
    (wish.height === undefined || height === undefined || height <= wish.height) &&
    (wish.bitrate === undefined || rate <= wish.bitrate) &&
    (wish.temporal === undefined || temporal <= wish.temporal);
  while (highest > 0) {
    const step = steps[highest];
    if (step === undefined || fits(step)) break;
    highest--;
  }
  return highest;
}

/** Decides how much one viewer gets, by what it reports: down at once, up slowly, and more slowly after a step up that failed. */
export class LayerChoice {
  #estimate = Number.POSITIVE_INFINITY;
  #estimateAt = Number.NEGATIVE_INFINITY;
  #loss = 0;
  #lossIsNew = false;
  #goodSince = -1;
  #lowSince = -1;
  #upAfter = upAfter;
  #upAt = Number.NEGATIVE_INFINITY;
  #downAt = Number.NEGATIVE_INFINITY;

  /** A receiver's estimate of what it can take, in bit/s. */
  estimate(bitrate: number, now: number): void {
    this.#estimate = Math.min(mostEstimate, Math.max(0, bitrate));
    this.#estimateAt = now;
  }

  /** The share of packets that a report says were lost. */
  loss(share: number): void {
    this.#loss = share;
    this.#lossIsNew = true;
  }

  /** The step to begin with: the best of at most `bitrate` that needs no encoder to be started first. */
  start(steps: readonly Step[], highest: number, bitrate: number, now: number): number {
    let chosen = -1;
    for (const [n, { layer, rate }] of steps.entries()) {
      if (layer.startsEncoder(now)) continue;
      if (chosen < 0 || (n <= highest && rate <= bitrate)) chosen = n;
    }
    return Math.max(0, chosen);
  }

  /** The step to take now. `current`: the step that is sent; `highest`: what may be sent at most. */
  next(steps: readonly Step[], current: number, highest: number, now: number): number {
    const rate = steps[current]?.rate ?? 0;
    const estimate = now - this.#estimateAt > estimateAge ? Number.POSITIVE_INFINITY : this.#estimate;
    const lost = this.#lossIsNew && this.#loss > badLoss && now - this.#downAt >= downPause;
    this.#lossIsNew = false;
    if (now - this.#upAt >= trial && this.#upAt > this.#downAt) this.#upAfter = upAfter;
    if (estimate >= farTooLittle * rate) this.#lowSince = -1;
    else if (this.#lowSince < 0) this.#lowSince = now;
    const low =
      this.#loss > goodLoss
        ? estimate < tooLittle * rate
        : this.#lowSince >= 0 && now - this.#lowSince >= lowFor;
    if ((lost || low) && current > 0) {
      let chosen = current - 1;
      const most = lost ? Math.min(estimate, 0.8 * rate) : estimate;
      while (chosen > 0 && (steps[chosen]?.rate ?? 0) > most) chosen--;
      if (now - this.#upAt < trial) this.#upAfter = Math.min(mostUpAfter, 2 * this.#upAfter);
      this.#downAt = now;
      this.#goodSince = -1;
      this.#lowSince = -1;
      return Math.min(chosen, highest);
    }
    if (current > highest) return highest;
    const above = steps[current + 1]?.rate ?? 0;
    const isNetwork = estimate > limitedByUs * rate + aboveUs;
    const room = isNetwork ? estimate >= tooLittle * above : estimate >= enough * rate;
    if (current === highest || this.#loss > goodLoss || !room) {
      this.#goodSince = -1;
      return current;
    }
    if (this.#goodSince < 0) this.#goodSince = now;
    if (now - this.#goodSince < this.#upAfter) return current;
    this.#goodSince = -1;
    this.#upAt = now;
    return current + 1;
  }
}
