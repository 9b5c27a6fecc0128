/** An event as a receiver has taken it: it has answered 2xx. In the order in which that happened. */
export interface Taken {
  readonly endpoint: string;
  readonly id: string;
  readonly type: string;
  readonly session: string;
  readonly n: number;
  /** The whole body: the same event is the same, however often it comes. */
  readonly body: string;
}

/** A call that its caller was told of, and whose node lived on long enough to keep that. */
export interface Placed {
  readonly session: string;
}

/** What was promised and not held, in words. */
export type Finding = string;

/**
 * Holds what docs/events.md promises, for each endpoint by itself. At least once: of a session of which any event was taken, all were, and
 * of each call that was placed. In order: an event was taken first after those before it. One end: each session has exactly one
 * `session.ended`, as its last event. `mayJump`: numbers that nobody has told may be missing, where a session's nodes all died at once.
 */
export function check(
  taken: readonly Taken[],
  placed: readonly Placed[],
  endpoints: readonly string[],
): Finding[] {
  const findings: Finding[] = [];
  for (const endpoint of endpoints) {
    const sessions = new Map<string, Taken[]>();
    const byId = new Map<string, Taken>();
    for (const one of taken) {
      if (one.endpoint !== endpoint) continue;
      const known = byId.get(one.id);
      if (known !== undefined) {
        if (known.type !== one.type || known.session !== one.session)
          findings.push(`${endpoint}: ${one.id} was told as ${known.type} and as ${one.type}`);
        continue;
      }
      byId.set(one.id, one);
      const events = sessions.get(one.session);
      if (events === undefined) sessions.set(one.session, [one]);
      else events.push(one);
    }
    for (const { session } of placed)
      if (!sessions.has(session)) findings.push(`${endpoint}: nothing was told of ${session}`);
    for (const [session, events] of sessions)
      for (const finding of ofSession(events)) findings.push(`${endpoint}: ${session}: ${finding}`);
  }
  return findings;
}

function ofSession(events: readonly Taken[]): Finding[] {
  const findings: Finding[] = [];
  const told = events.map(({ type, n }) => `${type} ${n}`).join(", ");
  const ends = events.filter(({ type }) => type === "session.ended");
  if (ends.length !== 1) findings.push(`it has ${ends.length} ends (${told})`);
  if (events[0]?.type !== "session.started") findings.push(`it begins with ${told}`);
  if (events.at(-1)?.type !== "session.ended") findings.push(`its end is not the last: ${told}`);
  for (const [at, { n }] of events.entries()) {
    const before = events[at - 1]?.n ?? 0;
    // Where no node knows what was told, the numbers go on with the next thousand.
    if (n !== before + 1 && (n % 1_000 !== 1 || n <= before))
      findings.push(`${n} came after ${before} (${told})`);
  }
  return findings;
}
