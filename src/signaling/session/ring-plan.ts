/** A user who is rung, or one device of the user. */
export interface RingTarget {
  readonly user: string;
  readonly device?: string | undefined;
}

/** One step of a ring plan. */
export interface RingStep {
  readonly targets: readonly RingTarget[];
  /** How long a turn rings. ms */
  readonly ms: number;
  /** `all`: one turn for all targets. `in_turn`: a turn for each, as listed. `least_busy`: the same, who has the fewest sessions first. */
  readonly group: "all" | "in_turn" | "least_busy";
}

/** Where a plan stands. */
export interface RingTurn {
  readonly step: number;
  /** The targets of the step that have had their turn, by their index. */
  readonly rung: readonly number[];
  readonly targets: readonly RingTarget[];
}

/** The turns of a call that rings several targets one after the other. */
export class RingPlan {
  readonly #steps: readonly RingStep[];
  turn: RingTurn = { step: 0, rung: [], targets: [] };

  constructor(steps: readonly RingStep[]) {
    this.#steps = steps;
  }

  /**
   * Goes on to the next turn, and answers how long that rings, in ms; undefined after the last one. `load`: how many sessions the
   * target's devices have; infinite where none is online.
   */
  next(load: (target: RingTarget) => number): number | undefined {
    let { step, rung } = this.turn;
    const current = this.#steps[step];
    if (current !== undefined && rung.length >= current.targets.length) {
      step += 1;
      rung = [];
    }
    const next = this.#steps[step];
    if (next === undefined) return undefined;
    const { targets, group, ms } = next;
    if (group === "all") {
      this.turn = { step, rung: targets.map((_, index) => index), targets };
      return ms;
    }
    const left = targets
      .map((target, index) => ({ target, index }))
      .filter(({ index }) => !rung.includes(index));
    // Sorting is stable: of those who are equally busy the first of the list rings first.
    if (group === "least_busy") {
      const loads = new Map(left.map(({ target, index }) => [index, load(target)]));
      const loadOf = ({ index }: { index: number }) => loads.get(index) ?? 0;
      left.sort((one, other) => (loadOf(one) === loadOf(other) ? 0 : loadOf(one) - loadOf(other)));
    }
    const [first] = left;
    if (first === undefined) return undefined;
    this.turn = { step, rung: [...rung, first.index], targets: [first.target] };
    return ms;
  }
}

/** How long a plan rings at most. ms */
export function planLength(steps: readonly RingStep[]): number {
  let sum = 0;
  for (const { group, ms, targets } of steps) sum += group === "all" ? ms : ms * targets.length;
  return sum;
}

/** Everybody whom a plan may ring, each once. */
export function planUsers(steps: readonly RingStep[]): string[] {
  return [...new Set(steps.flatMap(({ targets }) => targets.map(({ user }) => user)))];
}
