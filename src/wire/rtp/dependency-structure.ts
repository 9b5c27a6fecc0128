/** What the template structure of a dependency descriptor says (AV1 RTP §A.8.3), as far as a forwarder needs it. */
export interface DependencyStructure {
  /** The template id that the first template has; the others follow it, modulo 64. */
  readonly firstTemplate: number;
  /** The layers of each template. */
  readonly temporalLayers: readonly number[];
  readonly spatialLayers: readonly number[];
  /** The size of each spatial layer's picture; empty where the structure doesn't tell. */
  readonly sizes: readonly { readonly width: number; readonly height: number }[];
}

/** Templates have ids of six bits, references to other frames four, spatial layers two. */
const mostTemplates = 64;
const [mostReferences, mostSpatial] = [16, 4];
const nextLayer = { same: 0, temporal: 1, spatial: 2, none: 3 } as const;

/** Reads bits; zeros behind the end. */
class BitReader {
  readonly #bytes: Uint8Array;
  #at: number;

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes;
    this.#at = at;
  }

  /** True where more was read than there is. */
  get over(): boolean {
    return this.#at > 8 * this.#bytes.length;
  }

  read(bits: number): number {
    let number = 0;
    for (let n = 0; n < bits; n++, this.#at++)
      number = 2 * number + (((this.#bytes[this.#at >>> 3] ?? 0) >>> (7 - (this.#at & 7))) & 1);
    return number;
  }

  /** A number below `count`, in as few bits as that takes (AV1 bitstream §4.10.7). */
  below(count: number): number {
    let bits = 0;
    while (count >> bits > 0) bits++;
    const short = (1 << bits) - count;
    const value = this.read(Math.max(0, bits - 1));
    return value < short ? value : 2 * value - short + this.read(1);
  }
}

/**
 * Reads which layers the templates stand for, and how large their pictures are, from a descriptor that has a structure. Undefined
 * without one, or where the templates leave the descriptor. Never throws.
 */
export function parseDependencyStructure(value: Uint8Array): DependencyStructure | undefined {
  if (value.length < 5 || ((value[3] ?? 0) & 0x80) === 0) return undefined;
  const bits = new BitReader(value, 8 * 3 + 5);
  const firstTemplate = bits.read(6);
  const targets = bits.read(5) + 1;
  const temporalLayers: number[] = [];
  const spatialLayers: number[] = [];
  let [temporal, spatial] = [0, 0];
  for (let next = -1; next !== nextLayer.none; ) {
    if (temporalLayers.length === mostTemplates) return undefined;
    temporalLayers.push(temporal);
    spatialLayers.push(spatial);
    next = bits.read(2);
    if (bits.over) return undefined;
    if (next === nextLayer.temporal) temporal++;
    else if (next === nextLayer.spatial) {
      temporal = 0;
      spatial++;
    }
  }
  const sizes = spatial < mostSpatial ? readSizes(bits, temporalLayers.length, targets, spatial + 1) : [];
  return { firstTemplate, temporalLayers, spatialLayers, sizes };
}

/** What stands between the templates' layers and the sizes is read over. */
function readSizes(
  bits: BitReader,
  templates: number,
  targets: number,
  count: number,
): DependencyStructure["sizes"] {
  bits.read(2 * templates * targets);
  for (let n = 0; n < templates; n++)
    for (let references = 0; references < mostReferences && bits.read(1) === 1; references++) bits.read(4);
  const chains = bits.below(targets + 1);
  if (chains > 0) {
    for (let n = 0; n < targets; n++) bits.below(chains);
    bits.read(4 * templates * chains);
  }
  if (bits.over || bits.read(1) === 0) return [];
  const sizes = Array.from({ length: count }, () => ({
    width: bits.read(16) + 1,
    height: bits.read(16) + 1,
  }));
  return bits.over ? [] : sizes;
}

/** The layers of a frame by its template id; the lowest for a template that the structure doesn't have. */
export function layersOf(
  { firstTemplate, temporalLayers, spatialLayers }: DependencyStructure,
  template: number,
): { readonly temporal: number; readonly spatial: number } {
  const at = (template - firstTemplate) & 63;
  return { temporal: temporalLayers[at] ?? 0, spatial: spatialLayers[at] ?? 0 };
}
