import type {
  FarHalf,
  Frames,
  Ladder,
  Phase,
  PhaseName,
  Row,
  TimedFrame,
  WireFrame,
} from "./ladder-model.ts";
import { counterpart, farLabel, labelOf, sentence } from "./ladder-words.ts";

type Writable<T> = { -readonly [K in keyof T]: T[K] };
type Draft = Writable<Omit<Row, "frames">> & {
  readonly at: number;
  readonly frames: WireFrame[];
  candidates?: number;
};
type DraftPhase = Writable<Omit<Phase, "rows">> & { readonly rows: Draft[]; readonly theme: unknown };

/** The phase that a frame belongs to, by its type. Others belong to Find, or to the phase that they come in. */
export const phaseOf: Readonly<Record<string, PhaseName>> = {
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

/** What a reset is about. A frame about something else begins another reset. */
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

/** These end the reset that they belong to, and begin none. */
const followers = new Set<unknown>(["moved", "move_failed"]);

/** Draws a call from its frames: request and reply are one rung, candidates merge, acknowledgements are left out. */
export function ladder(frames: Frames): Ladder {
  const builder = new LadderBuilder(frames);
  for (const [key, told] of frames.near.entries()) if (told.at >= frames.since) builder.step(told, key);
  const { phases, setUp } = builder;
  if (frames.flowing) builder.reconnected();
  for (const phase of phases) phase.sentence = sentence(phase.name, phase, frames.peer, frames.me);
  return {
    phases,
    ...(setUp.result === undefined ? {} : { setUp: setUp.result }),
    real: phases.some((phase) => phase.rows.some((row) => row.far?.ms !== undefined)),
  };
}

class LadderBuilder {
  readonly phases: DraftPhase[] = [];
  readonly setUp = new SetUp();
  readonly #session: string | undefined;
  readonly #far: FarFrames;
  /** Requests by id; hello has none, and is 0. */
  readonly #asked = new Map<unknown, Draft>();
  /** Generations that this end has asked for: the push about one is not shown again. */
  readonly #restarted = new Set<unknown>();
  /** The call came from another device of this user, not from the far end. */
  #handedOver = false;

  constructor(frames: Frames) {
    this.#session = frames.session;
    this.#far = new FarFrames(frames);
  }

  step(told: TimedFrame, key: number): void {
    const { at, out, frame } = told;
    if (frame.re !== undefined) this.#settle(frame.re, told);
    else if (frame.type === "welcome") this.#settle(0, told);
    else if (!this.#belongs(frame)) return;
    else if (frame.type === "report") this.#connect(frame, at);
    else if (frame.type !== "restart" || out || !this.#restarted.has(frame.generation)) this.#add(told, key);
  }

  #belongs(frame: WireFrame): boolean {
    if (frame.type === "join") return this.#session === undefined;
    if (frame.type === "hello" || frame.type === "goodbye" || frame.type === "call") return true;
    return this.#session !== undefined && frame.session === this.#session;
  }

  #add(told: TimedFrame, key: number): void {
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

  /** The phase of this frame, which may be a new one. */
  #enter(frame: WireFrame): DraftPhase {
    const current = this.phases.at(-1);
    const signsIn = frame.type === "hello" && current === undefined;
    const name = signsIn ? "Find" : (phaseOf[String(frame.type)] ?? "Find");
    const theme = themes[String(frame.type)];
    if (current !== undefined) {
      const rings = frame.type === "incoming" && current.name === "Close";
      if ((current.name === "Close" || name === "Find") && !rings) return current;
      if (name === "Negotiate" && current.name === "Reset") return current;
      if (followers.has(frame.type)) return current;
      const again = name === "Reset" && (theme !== current.theme || current.media !== undefined);
      if (name === current.name && !again) return current;
    }
    const phase: DraftPhase = { name, theme, sentence: "", rows: [] };
    this.phases.push(phase);
    return phase;
  }

  #settle(id: unknown, { at, frame }: TimedFrame): void {
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

  /** Media is flowing: a restart that was answered is over, even if its report comes seconds later. */
  reconnected(): void {
    const phase = this.phases.at(-1);
    const before = this.phases.findLast((one) => one.media !== undefined)?.media;
    const answered = phase?.rows.some(
      ({ frames: [first] }) => (first?.description as { type?: string } | undefined)?.type === "answer",
    );
    if (phase?.name === "Reset" && answered && before !== undefined) phase.media ??= before;
  }

  #connect(frame: WireFrame, at: number): void {
    const { state, path, rtt } = frame.stats as { state?: string; path?: string; rtt?: number };
    const phase = this.phases.at(-1);
    if (state !== "connected" || (phase?.name !== "Negotiate" && phase?.name !== "Reset")) return;
    this.setUp.connected(at);
    phase.media = { relayed: path === "relay", ...(rtt === undefined ? {} : { delay: rtt }) };
  }
}

function recount(row: Draft, { candidates }: WireFrame): void {
  row.candidates = (row.candidates ?? 0) + ((candidates as unknown[] | undefined)?.length ?? 0);
  const what = row.candidates === 0 ? "end" : `${row.candidates} cand.`;
  row.label = `signal ${what}`;
  if (row.far !== undefined) row.far = { ...row.far, label: what };
}

/** The far end's frames of the call, matched in order with those of this end. */
class FarFrames {
  readonly #queues = new Map<string, number[]>();

  constructor({ far }: Frames) {
    const accepts = new Set<unknown>();
    for (const { at, out, frame } of far) {
      if (out && frame.type === "accept") accepts.add(frame.id);
      const name = `${out}${frame.type ?? (accepts.has(frame.re) ? "re:accept" : "")}`;
      const queue = this.#queues.get(name);
      if (queue === undefined) this.#queues.set(name, [at]);
      else queue.push(at);
    }
  }

  /** The far half of this frame: seen, with the time between the two, or inferred. Undefined where there is none. */
  match({ at, out, frame }: TimedFrame): FarHalf | undefined {
    const type = counterpart(frame, out);
    if (type === undefined) return undefined;
    const description = frame.description as { type?: string } | undefined;
    const label = description?.type ?? farLabel(type);
    const seen = this.#queues.get(`${!out}${type}`)?.shift();
    return seen === undefined ? { label } : { label, ms: Math.abs(seen - at) };
  }
}

/** Messages of a set-up that wait for one another, so that their times add up. */
const steps = new Set<unknown>(["call", "incoming", "accept", "accepted", "confirm"]);

/** Times a set-up: from the call to the first ring, and from the answer to media, without the time that people let it ring. */
class SetUp {
  #called: number | undefined;
  #found = 0;
  #answered: number | undefined;
  #connected: number | undefined;
  #server = 0;

  /** `way`: ms between the two ends of this message, when both were seen. */
  see({ at, out, frame }: TimedFrame, way = 0): void {
    if (this.#connected !== undefined) return;
    if (frame.type === "call") this.#called = at;
    if (frame.type === "ringing" && !out && this.#found === 0) this.#found = at - (this.#called ?? at);
    if (frame.type === "accepted" || frame.type === "accept") this.#answered = at;
    if (steps.has(frame.type) || frame.description !== undefined) this.#server += way;
  }

  connected(at: number): void {
    this.#connected ??= at;
  }

  get result(): { readonly ms: number; readonly server?: number } | undefined {
    if (this.#connected === undefined || this.#answered === undefined) return undefined;
    const ms = Math.max(1, Math.round(this.#found + this.#connected - this.#answered));
    return this.#server > 0 ? { ms, server: Math.max(1, Math.round(this.#server)) } : { ms };
  }
}
