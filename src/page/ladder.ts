import { FarEnd } from "./ladder-far.ts";
import { labelOf, sentence } from "./ladder-words.ts";
import { SetUp } from "./set-up.ts";

/** A frame of the wire, as the SDK tells it. */
export type Wire = { readonly type?: string; readonly [field: string]: unknown };

/** A frame that went out or came in, `at` in ms of a clock that both ends of one machine share. */
export interface Told {
  readonly at: number;
  readonly out: boolean;
  readonly frame: Wire;
}

/** What the ladder is drawn from. */
export interface Frames {
  readonly me: string;
  readonly peer: string;
  /** The call that the ladder tells of; undefined as long as the server has not named it, or there is none. */
  readonly session?: string;
  /** Frames before this moment belong to earlier stories. */
  readonly since: number;
  readonly near: readonly Told[];
  /** The same call as the far end saw it, when that is a tab of this browser. */
  readonly far: readonly Told[];
  /** Media flows just now. */
  readonly flowing?: boolean;
}

export const noFrames: Frames = { me: "you", peer: "", since: 0, near: [], far: [] };

export type PhaseName = "Find" | "Negotiate" | "Reset" | "Close";

/** One rung: a message between this end and the server, and what it is at the far end. */
export interface Row {
  readonly key: number;
  readonly out: boolean;
  readonly label: string;
  /** How the request ended: `✓ 8 ms`, `✗` or `anew`. */
  readonly mark?: string;
  readonly failed: boolean;
  readonly far?: FarHalf;
  readonly frames: readonly Wire[];
}

/** The far end's half of a rung; without `ms` it is inferred, not seen. */
export interface FarHalf {
  readonly label: string;
  readonly ms?: number;
}

/** Media flows between the ends. */
export interface Cord {
  readonly relayed: boolean;
  /** Round trip in ms. */
  readonly delay?: number;
}

export interface Phase {
  readonly name: PhaseName;
  readonly sentence: string;
  readonly rows: readonly Row[];
  readonly cord?: Cord;
}

export interface Ladder {
  readonly phases: readonly Phase[];
  /** How long the set-up took, the ringing left out; how much of it was between the ends' sockets, if both were seen. */
  readonly setUp?: { readonly ms: number; readonly server?: number };
  /** Both halves were seen. */
  readonly real: boolean;
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };
type Draft = Writable<Omit<Row, "frames">> & {
  readonly at: number;
  readonly frames: Wire[];
  candidates?: number;
};
type DraftPhase = Writable<Omit<Phase, "rows">> & { readonly rows: Draft[]; readonly theme: unknown };

const phaseOf: Readonly<Record<string, PhaseName>> = {
  signal: "Negotiate",
  restart: "Reset",
  resync: "Reset",
  move: "Reset",
  pair: "Reset",
  moved: "Reset",
  move_failed: "Reset",
  peer: "Reset",
  goodbye: "Reset",
  hello: "Reset",
  hangup: "Close",
  cancel: "Close",
  decline: "Close",
  ended: "Close",
};

/** What a reset is about; another theme is another reset. */
const themes: Readonly<Record<string, string>> = {
  hello: "link",
  goodbye: "link",
  peer: "link",
  restart: "path",
  resync: "path",
  move: "move",
  pair: "move",
  moved: "move",
  move_failed: "move",
};

/** These close the reset that they belong to, and open none. */
const followers = new Set<unknown>(["moved", "move_failed"]);

/** Tells a call from its frames: request and reply are one rung, candidates merge, acknowledgements are folded away. */
export function ladder(frames: Frames): Ladder {
  const walk = new Walk(frames);
  for (const [key, told] of frames.near.entries()) if (told.at >= frames.since) walk.step(told, key);
  const { phases, setUp } = walk;
  if (frames.flowing) walk.reconnected();
  for (const phase of phases) phase.sentence = sentence(phase.name, phase, frames.peer, frames.me);
  return {
    phases,
    ...(setUp.result === undefined ? {} : { setUp: setUp.result }),
    real: phases.some((phase) => phase.rows.some((row) => row.far?.ms !== undefined)),
  };
}

class Walk {
  readonly phases: DraftPhase[] = [];
  readonly setUp = new SetUp();
  readonly #session: string | undefined;
  readonly #far: FarEnd;
  /** Requests by id; hello has none, and is 0. */
  readonly #asked = new Map<unknown, Draft>();
  /** Generations that this end asked for itself: their push says nothing new. */
  readonly #restarted = new Set<unknown>();
  /** The call came from another device of one's own, not from the far end. */
  #handedOver = false;

  constructor(frames: Frames) {
    this.#session = frames.session;
    this.#far = new FarEnd(frames);
  }

  step(told: Told, key: number): void {
    const { at, out, frame } = told;
    if (frame.re !== undefined) this.#settle(frame.re, told);
    else if (frame.type === "welcome") this.#settle(0, told);
    else if (!this.#belongs(frame)) return;
    else if (frame.type === "report") this.#connect(frame, at);
    else if (frame.type !== "restart" || out || !this.#restarted.has(frame.generation)) this.#add(told, key);
  }

  #belongs(frame: Wire): boolean {
    if (frame.type === "join") return this.#session === undefined;
    if (frame.type === "hello" || frame.type === "goodbye" || frame.type === "call") return true;
    return this.#session !== undefined && frame.session === this.#session;
  }

  #add(told: Told, key: number): void {
    const { at, out, frame } = told;
    const label = labelOf(frame);
    if (label === undefined) return;
    if (frame.movedFrom !== undefined) this.#handedOver = true;
    const far = this.#handedOver && frame.type !== "signal" ? undefined : this.#far.match(told);
    this.setUp.see(told, far?.ms);
    const { rows } = this.#enter(frame);
    if (frame.type === "hello" && rows.at(-1)?.mark === undefined && rows.at(-1)?.frames[0]?.type === "hello")
      rows.pop();
    const bare = frame.type === "signal" && frame.description === undefined && frame.media === undefined;
    const last = rows.at(-1);
    // Candidates join the last rung of their direction, as long as only the other end's came between.
    const home = last?.out === out ? last : last?.candidates === undefined ? undefined : rows.at(-2);
    if (bare && home?.candidates !== undefined && home.out === out) {
      home.frames.push(frame);
      if (far?.ms === undefined && home.far !== undefined) home.far = { label: home.far.label };
      recount(home, frame);
      return;
    }
    const row: Draft = { key, at, out, label, failed: false, frames: [frame] };
    if (far !== undefined) row.far = far;
    if (bare) recount(row, frame);
    rows.push(row);
    if (out) this.#asked.set(frame.id ?? 0, row);
  }

  /** The phase that this frame stands in; it opens a new one where the story turns. */
  #enter(frame: Wire): DraftPhase {
    const current = this.phases.at(-1);
    const signsIn = frame.type === "hello" && current === undefined;
    const name = signsIn ? "Find" : (phaseOf[String(frame.type)] ?? "Find");
    const theme = themes[String(frame.type)];
    if (current !== undefined) {
      const rings = frame.type === "incoming" && current.name === "Close";
      if ((current.name === "Close" || name === "Find") && !rings) return current;
      if (name === "Negotiate" && current.name === "Reset") return current;
      if (followers.has(frame.type)) return current;
      const again = name === "Reset" && (theme !== current.theme || current.cord !== undefined);
      if (name === current.name && !again) return current;
    }
    const phase: DraftPhase = { name, theme, sentence: "", rows: [] };
    this.phases.push(phase);
    return phase;
  }

  #settle(id: unknown, { at, frame }: Told): void {
    const row = this.#asked.get(id);
    if (row === undefined) return;
    const [request] = row.frames;
    const error = frame.error as { code?: string } | undefined;
    row.frames.push(frame);
    if (request?.type === "restart")
      this.#restarted.add((frame.ok as { generation?: number } | undefined)?.generation);
    row.failed = error !== undefined;
    row.mark = row.failed ? "✗" : `✓ ${Math.max(0, Math.round(at - row.at))} ms`;
    if (request?.resume !== undefined && frame.resumed === false) row.mark = "anew";
    row.label = error?.code ?? row.label;
  }

  /** Media flows: a restart whose answer has come is over, though its report may be seconds away. */
  reconnected(): void {
    const phase = this.phases.at(-1);
    const before = this.phases.findLast((one) => one.cord !== undefined)?.cord;
    const answered = phase?.rows.some(
      ({ frames: [first] }) => (first?.description as { type?: string } | undefined)?.type === "answer",
    );
    if (phase?.name === "Reset" && answered && before !== undefined) phase.cord ??= before;
  }

  #connect(frame: Wire, at: number): void {
    const { state, path, rtt } = frame.stats as { state?: string; path?: string; rtt?: number };
    const phase = this.phases.at(-1);
    if (state !== "connected" || (phase?.name !== "Negotiate" && phase?.name !== "Reset")) return;
    this.setUp.connected(at);
    phase.cord = { relayed: path === "relay", ...(rtt === undefined ? {} : { delay: rtt }) };
  }
}

function recount(row: Draft, { candidates }: Wire): void {
  row.candidates = (row.candidates ?? 0) + ((candidates as unknown[] | undefined)?.length ?? 0);
  const what = row.candidates === 0 ? "end" : `${row.candidates} cand.`;
  row.label = `signal ${what}`;
  if (row.far !== undefined) row.far = { ...row.far, label: what };
}
