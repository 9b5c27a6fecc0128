import { type Static, Type } from "typebox";
import { after, every, until } from "../net/clock.ts";
import { OpenSessionSchema, OutboxEntrySchema } from "../records/copy-schema.ts";
import type { LiveRecord } from "../records/live-record.ts";
import type { OpenSession, OutboxEntry, Store, Write } from "../records/store.ts";
import { keepNewest } from "../shared/keep-newest.ts";
import { slices } from "../shared/slices.ts";
import type { CoreContext } from "./service.ts";

const SessionId = Type.String({ minLength: 1, maxLength: 256 });

const Answer = Type.Object({
  session: SessionId,
  /** The node owns it. */
  live: Type.Boolean(),
  /** Its end was told. */
  over: Type.Boolean(),
  open: Type.Optional(OpenSessionSchema),
  waiting: Type.Array(OutboxEntrySchema),
});

/** What every node knows of the events of sessions. */
const question = {
  name: "records.trails",
  argument: Type.Object({ sessions: Type.Array(SessionId, { maxItems: 64 }) }),
  answer: Type.Object({ trails: Type.Array(Answer) }),
} as const;

/** Of these sessions of `node`, which ones a node owns, or knows that another node has told the end of. */
const goneOnQuestion = {
  name: "records.goneOn",
  argument: Type.Object({ node: Type.String(), sessions: Type.Array(SessionId, { maxItems: 5_000 }) }),
  answer: Type.Object({
    sessions: Type.Array(SessionId),
    /** Those that have just come to it: what was told of them is being asked for. */
    coming: Type.Optional(Type.Array(SessionId)),
  }),
} as const;

/** What all nodes together know of a session. */
type Trail = Static<typeof Answer>;

/** A session that has come to this node. `from`: the node that has died with it. `until`: when that is no longer waited for. */
interface Coming {
  readonly live: LiveRecord;
  readonly from: string | undefined;
  readonly until: number;
}

/** A session that was told of and that nobody owns. */
interface Left {
  readonly open: OpenSession;
  /** When it is lost. */
  dueAt: number;
  /** How often that was put off for nodes that were silent. */
  delays: number;
  /** It was left to the node that it was of, which came back. */
  isLeft: boolean;
}

/** Sessions of one question; characters of events in one answer: the backplane takes 1 MiB. */
const [mostAsked, mostCharacters] = [50, 700_000];
/** How long a node that is busy may take to answer. One that is gone leaves the cluster, and is not asked. ms */
const patientAsk = { timeout: 4_000 };
/** How long sessions that come to this node are gathered before the others are asked. ms */
const gatherFor = 10;
/** How often it is looked whether sessions are lost, and how often a node that is silent may put that off, for how long. ms */
const [lookEvery, mostDelays, delay] = [1_000, 3, 5_000];
/**
 * How long a node that starts waits for the first of the others, for more of them once all that it knows have answered, and in all for those
 * that are silent. ms
 */
const [meetWithin, moreWithin, answerWithin] = [10_000, 2_000, 30_000];
/** When others are asked again that do not know yet. ms */
const askAgainAfter = 200;
/** Sessions that ended here and are remembered. */
const mostOver = 20_000;

export interface SessionTrailsOptions {
  readonly store: Store;
  /** Resolves once the store has taken what was written: questions overtake writes that wait. */
  flush(): Promise<unknown>;
  /** How long a node is waited for that alone knows what was told of a session. ms */
  readonly patience: number;
  /** True for a session that this node owns. */
  isLive(session: string): boolean;
  /** It is known what was told of a session that has come here. */
  goesOn(live: LiveRecord): void;
  /** Sends what other nodes have not got rid of. */
  resend(entries: readonly OutboxEntry[]): Promise<void>;
  /** Tells that the session is over, which nobody has come back to. */
  lost(open: OpenSession): void;
}

/**
 * The events of a session as one sequence, whoever owns it. A session that begins at another node, or in an earlier run of this one, goes
 * on here after what was told there, and what still waits there is sent first. Those that nobody goes on with are lost.
 */
export class SessionTrails {
  readonly #options: SessionTrailsOptions;
  readonly #context: CoreContext;
  readonly #cluster: boolean;
  /** Sessions that were told of and that this node does not own, by when they are lost. */
  readonly #open = new Map<string, Left>();
  /** Sessions that have come here, and what is to be told of them once it is known what was told before. */
  readonly #held = new Map<string, (() => void)[]>();
  readonly #over = new Map<string, true>();
  #coming: Coming[] = [];
  /** Sessions of a node that is away, and of which nobody else knows what was told. */
  #unknown: Coming[] = [];
  #looking = false;
  readonly #stop: () => void;

  constructor(context: CoreContext, options: SessionTrailsOptions) {
    this.#context = context;
    this.#options = options;
    const { core, fault } = context;
    this.#cluster = core.clusterStats() !== undefined;
    core.survey.answers(question, async ({ sessions }) => ({ trails: await this.#known(sessions) }));
    core.survey.answers(goneOnQuestion, async ({ node, sessions }) => {
      // The node that has told the end may be down: a copy of its record says the same.
      const ended = new Set(await options.store.ask("endedElsewhere", { node, sessions }).catch(() => []));
      const isComing = (session: string): boolean => this.#held.has(session);
      this.#leaveTo(sessions);
      const isGone = (session: string): boolean =>
        !isComing(session) && (options.isLive(session) || this.#over.has(session) || ended.has(session));
      return { sessions: sessions.filter(isGone), coming: sessions.filter(isComing) };
    });
    const failed = (error: unknown): void => fault("records", error);
    this.#stop = every(lookEvery, () => void this.#look().catch(failed), failed);
  }

  stop(): void {
    this.#stop();
  }

  /** These were told of, and are lost where nobody goes on with them within `within` ms. */
  left(opens: readonly OpenSession[], within: number): void {
    const dueAt = this.#context.now() + within;
    for (const open of opens)
      if (!this.#options.isLive(open.session))
        this.#open.set(open.session, { open, dueAt, delays: 0, isLeft: false });
  }

  /** The node that these were of is back, and knows more of them than a copy of its does: it has time to go on with them, once. */
  #leaveTo(sessions: readonly string[]): void {
    const dueAt = this.#context.now() + this.#options.patience;
    for (const session of sessions) {
      const entry = this.#open.get(session);
      if (entry === undefined || entry.isLeft) continue;
      entry.isLeft = true;
      entry.dueAt = Math.max(entry.dueAt, dueAt);
    }
  }

  /** What an earlier run of this node has told of the session, which comes back now. */
  take(session: string): OpenSession | undefined {
    const open = this.#open.get(session)?.open;
    this.#open.delete(session);
    return open;
  }

  /**
   * The session is this node's from now on. Its events wait until it is known what was told before. `from`: the node that has died with
   * it. Where that had nobody to keep a copy, it alone knows, and is waited for.
   */
  came(live: LiveRecord, from: string | undefined): void {
    if (this.#over.has(live.session)) live.muted = true;
    if (!this.#cluster) return;
    const { node, now } = this.#context;
    this.#held.set(live.session, []);
    const until = now() + this.#options.patience;
    this.#coming.push({ live, from: from === node ? undefined : from, until });
    if (this.#coming.length > 1) return;
    after(gatherFor, () => {
      const coming = this.#coming;
      this.#coming = [];
      for (const some of slices(coming, mostAsked))
        this.#follow(some).catch((error) => this.#context.fault("records", error));
    });
  }

  /** Tells something of the session: at once, or once it is known what was told before. */
  tell(session: string, task: () => void): void {
    const held = this.#held.get(session);
    if (held === undefined) task();
    else held.push(task);
  }

  /** The end of the session is told. */
  over(session: string): void {
    keepNewest(this.#over, session, true, mostOver);
  }

  /**
   * Sessions of an earlier run of this node that another one has gone on with, or has ended, in the meantime: what was not told before that
   * must not be told after it. Waits a while for the others, and asks those again that don't answer.
   */
  async goneOn(sessions: readonly string[]): Promise<string[]> {
    const { core, node, now } = this.#context;
    const { survey } = core;
    const { store } = this.#options;
    const began = now();
    await until(() => survey.others.length > 0, began + meetWithin, 50);
    const gone = new Set<string>();
    for (const some of slices(sessions, 5_000)) {
      const argument = { node, sessions: some };
      for (const session of await store.ask("endedElsewhere", argument)) gone.add(session);
      const answered = new Set<string>();
      const isComplete = (): boolean => survey.others.every((one) => answered.has(one));
      do {
        const { answers } = await survey.ask(goneOnQuestion, argument, { others: true, ...patientAsk });
        let isDecided = true;
        for (const [one, { sessions: its, coming = [] }] of answers) {
          answered.add(one);
          for (const session of its) gone.add(session);
          // It is asking this node, among others, what was told of them.
          if (coming.length > 0) isDecided = false;
        }
        if (isDecided) await until(() => !isComplete(), now() + moreWithin, 50);
        else {
          answered.clear();
          await new Promise<void>((again) => after(askAgainAfter, again));
        }
      } while (!isComplete() && now() < began + answerWithin);
    }
    return [...gone];
  }

  async #follow(coming: readonly Coming[]): Promise<void> {
    const { others } = this.#context.core.survey;
    const { trails, answered, silent } = await this.#ask(coming.map(({ live }) => live.session));
    for (const one of coming) {
      const { live, from, until } = one;
      const trail = trails.get(live.session);
      const isKnown = trail?.over === true || trail?.open !== undefined;
      // A copy may be older than what that node knows: where it is there, it will answer.
      const isEnough = isKnown && !others.includes(from ?? "");
      // A node that is silent may have a newer copy than those that have answered.
      const isMissing = silent || (!isEnough && from !== undefined && !answered.has(from));
      if (isMissing && this.#context.now() < until) {
        this.#unknown.push(one);
        continue;
      }
      if (trail?.over) live.muted = true;
      else if (trail?.open !== undefined) live.goesOn(trail.open);
      if (trail !== undefined && trail.waiting.length > 0) await this.#options.resend(trail.waiting);
      this.#options.goesOn(live);
      const held = this.#held.get(live.session) ?? [];
      this.#held.delete(live.session);
      for (const task of held)
        try {
          task();
        } catch (error) {
          this.#context.fault("records", error);
        }
    }
  }

  async #look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    try {
      const unknown = this.#unknown;
      this.#unknown = [];
      for (const some of slices(unknown, mostAsked)) await this.#follow(some);
      const now = this.#context.now();
      const due = [...this.#open].filter(([, { dueAt }]) => dueAt <= now);
      for (const some of slices(due, mostAsked)) await this.#settle(some);
    } finally {
      this.#looking = false;
    }
  }

  async #settle(due: readonly (readonly [string, Left])[]): Promise<void> {
    const { store, lost, resend } = this.#options;
    const { trails, silent } = await this.#ask(due.map(([session]) => session));
    const closed: Write[] = [];
    for (const [session, entry] of due) {
      if (this.#open.get(session) !== entry) continue;
      const trail = trails.get(session);
      if (trail?.live || trail?.over) closed.push({ write: "closed", session });
      else if (silent && entry.delays < mostDelays) {
        entry.delays += 1;
        entry.dueAt += delay;
        continue;
      } else {
        // What waits at another node goes before the end.
        if (trail !== undefined && trail.waiting.length > 0) await resend(trail.waiting);
        // It may have come back meanwhile.
        if (this.#open.get(session) !== entry) continue;
        lost({ ...entry.open, told: Math.max(entry.open.told, trail?.open?.told ?? 0) });
      }
      this.#open.delete(session);
    }
    if (closed.length > 0) await store.write(...closed);
  }

  async #ask(sessions: readonly string[]): Promise<{
    readonly trails: ReadonlyMap<string, Trail>;
    readonly answered: ReadonlyMap<string, unknown>;
    readonly silent: boolean;
  }> {
    const { survey } = this.#context.core;
    const { answers, silent } = await survey.ask(question, { sessions: [...sessions] }, patientAsk);
    const trails = new Map<string, Trail>();
    for (const answer of answers.values())
      for (const trail of answer.trails) {
        const known = trails.get(trail.session);
        trails.set(trail.session, known === undefined ? trail : joined(known, trail));
      }
    return { trails, answered: answers, silent: silent.length > 0 };
  }

  async #known(sessions: readonly string[]): Promise<Trail[]> {
    const { store, isLive } = this.#options;
    const { node } = this.#context;
    await this.#options.flush();
    let characters = 0;
    return (await store.ask("trails", sessions)).map(({ session, endedAt, open, waiting }) => {
      for (const { body } of waiting) characters += body.length + 512;
      return {
        session,
        live: isLive(session) || this.#held.has(session),
        // The copy of another node's record does not say that its end was told: that node may have died before.
        over: endedAt === node || this.#over.has(session),
        ...(open !== undefined && { open }),
        waiting: characters > mostCharacters ? [] : waiting.map((entry) => ({ ...entry })),
      };
    });
  }
}

function joined(one: Trail, other: Trail): Trail {
  const [first, second] = (one.open?.told ?? -1) >= (other.open?.told ?? -1) ? [one, other] : [other, one];
  const waiting = new Map<string, OutboxEntry>();
  for (const entry of [...first.waiting, ...second.waiting])
    waiting.set(`${entry.endpoint} ${entry.id}`, entry);
  return {
    session: one.session,
    live: one.live || other.live,
    over: one.over || other.over,
    ...(first.open !== undefined && { open: first.open }),
    waiting: [...waiting.values()].sort((a, b) => a.createdAt - b.createdAt),
  };
}
