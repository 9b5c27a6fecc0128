/** The temporal layer of each template of a dependency descriptor's structure (AV1 RTP §A.8.3). */
export interface DependencyStructure {
  /** The template id that the first template has; the others follow it, modulo 64. */
  readonly firstTemplate: number;
  readonly temporalLayers: readonly number[];
}

/** Templates have ids of six bits. */
const mostTemplates = 64;
const nextLayer = { temporal: 1, spatial: 2, none: 3 } as const;

/**
 * Reads which layers the templates stand for from a descriptor that has a structure. Undefined without one, or where it leaves
 * the descriptor. Never throws.
 */
export function parseDependencyStructure(value: Uint8Array): DependencyStructure | undefined {
  if (value.length < 5 || ((value[3] ?? 0) & 0x80) === 0) return undefined;
  let at = 8 * 3 + 5;
  const read = (bits: number): number => {
    let number = 0;
    for (let n = 0; n < bits; n++, at++)
      number = 2 * number + (((value[at >>> 3] ?? 0) >>> (7 - (at & 7))) & 1);
    return number;
  };
  const firstTemplate = read(6);
  // The number of decode targets.
  read(5);
  const temporalLayers: number[] = [];
  for (let temporal = 0; temporalLayers.length < mostTemplates; ) {
    temporalLayers.push(temporal);
    const next = read(2);
    if (at > 8 * value.length) return undefined;
    if (next === nextLayer.none) return { firstTemplate, temporalLayers };
    if (next === nextLayer.temporal) temporal++;
    else if (next === nextLayer.spatial) temporal = 0;
  }
  return undefined;
}

/** The temporal layer of a frame by its template id; 0 for a template that the structure doesn't have. */
export function temporalLayerOf(structure: DependencyStructure, template: number): number {
  return structure.temporalLayers[(template - structure.firstTemplate) & 63] ?? 0;
}
