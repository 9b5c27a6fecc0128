import type { Entry, Settlement } from "./journal.ts";
import { checkStreams } from "./stream-checker.ts";

/** A broken promise. */
export interface Finding {
  readonly rule:
    | "order"
    | "resume"
    | "lost"
    | "doubled"
    | "reordered"
    | "refused"
    | "winner"
    | "agreement"
    | "end"
    | "ghost"
    | "presence"
    | "stopped"
    | "stuck"
    | "rest";
  readonly text: string;
}

export interface Expectations {
  /** Nodes whose links may be lost: those that were killed. Every other link must be resumed. */
  readonly mayLose: readonly string[];
}

/** The time in which everybody must be told that a device is gone, ms. */
const ghostLimit = 60_000;

export type Of<What extends Entry["what"]> = Extract<Entry, { what: What }>;
export type { Settlement };

/** Checks a finished run: what the protocol promises (docs/protocol.md, Invariants) against what everybody saw. */
export function check(entries: readonly Entry[], expectations: Expectations): Finding[] {
  return [
    ...checkLinks(entries, expectations),
    ...checkStreams(entries),
    ...checkWinners(entries),
    ...checkEnds(entries),
    ...checkPresence(entries),
  ];
}

function* checkLinks(entries: readonly Entry[], { mayLose }: Expectations): Iterable<Finding> {
  const homes = new Map<string, string>();
  for (const entry of entries) {
    const { what } = entry;
    if (what === "disorder")
      yield {
        rule: "order",
        text: `${entry.device}: seq ${entry.seq} after ${entry.after} on ${entry.link}`,
      };
    else if (what === "stopped")
      yield { rule: "stopped", text: `${entry.device}: closed for good with ${entry.code}` };
    else if (what === "stuck") yield { rule: "stuck", text: `${entry.device}: ${entry.doing}` };
    else if (what === "rest" && entry.links + entry.sessions > 0)
      yield {
        rule: "rest",
        text: `${entry.node} still holds ${entry.links} links and ${entry.sessions} sessions`,
      };
    else if (what === "link") {
      const home = homes.get(entry.device);
      homes.set(entry.device, entry.node);
      if (home === undefined || entry.resumed || mayLose.includes(home)) continue;
      const why = entry.reason ?? "without a reason";
      yield { rule: "resume", text: `${entry.device}: its link at ${home} was lost (${why})` };
    }
  }
}

/** At most one accept of a session is ok, and it is the one that the caller confirmed. */
function* checkWinners(entries: readonly Entry[]): Iterable<Finding> {
  const winners = new Map<string, string>();
  const confirmed = new Map<string, string>();
  for (const entry of entries) {
    if (entry.what === "won") {
      const other = winners.get(entry.session);
      if (other !== undefined)
        yield { rule: "winner", text: `${entry.session}: won by ${other} and by ${entry.device}` };
      winners.set(entry.session, entry.device);
    } else if (entry.what === "confirmed") {
      const other = confirmed.get(entry.session);
      if (other !== undefined && other !== entry.peer)
        yield { rule: "winner", text: `${entry.session}: ${other} and ${entry.peer} were confirmed` };
      confirmed.set(entry.session, entry.peer);
    }
  }
  for (const [session, winner] of winners) {
    const outcome = confirmed.get(session);
    if (outcome !== undefined && outcome !== winner)
      yield { rule: "winner", text: `${session}: won by ${winner}, but the caller confirmed ${outcome}` };
  }
}

/** A device's part in a session. */
interface Part {
  readonly session: string;
  readonly device: string;
  readonly ends: string[];
  stands: Of<"stands"> | undefined;
}

/** Who has part in a session hears one end of it, and both ends of a call stand at the same place when it comes. */
function* checkEnds(entries: readonly Entry[]): Iterable<Finding> {
  const gone = new Set<string>();
  const parts: Part[] = [];
  const current = new Map<string, Part>();
  const part = (device: string, session: string, anew = false): Part => {
    const key = `${session} ${device}`;
    const known = current.get(key);
    // A call may move away from a device, and back.
    if (known !== undefined && !(anew && known.ends.length > 0)) return known;
    const one: Part = { session, device, ends: [], stands: undefined };
    parts.push(one);
    current.set(key, one);
    return one;
  };
  for (const entry of entries)
    if (entry.what === "holds") part(entry.device, entry.session, true);
    else if (entry.what === "ended") part(entry.device, entry.session).ends.push(entry.reason);
    else if (entry.what === "stands") part(entry.device, entry.session).stands = entry;
    else if (entry.what === "dead" || entry.what === "left") gone.add(entry.device);
  const bySession = new Map<string, Of<"stands">[]>();
  for (const { session, device, ends, stands } of parts) {
    if (ends.length === 0 && !gone.has(device))
      yield { rule: "end", text: `${session}: ${device} never heard its end` };
    if (ends.length > 1)
      yield { rule: "end", text: `${session}: ${device} heard ${ends.length} ends (${ends.join(", ")})` };
    // Who was told that the session is over, or has left it, was not told what came after.
    const [reason] = ends;
    if (stands === undefined || ends.length !== 1 || reason === "forgotten" || reason === "moved") continue;
    bySession.set(session, [...(bySession.get(session) ?? []), stands]);
  }
  for (const [session, [one, other]] of bySession) {
    if (one === undefined || other === undefined) continue;
    if (one.pair !== other.pair || one.generation !== other.generation) {
      const at = ({ device, pair, generation }: Of<"stands">) => `${device} at ${pair}.${generation}`;
      yield { rule: "agreement", text: `${session}: ended with ${at(one)} and ${at(other)}` };
    }
    if (one.peer !== other.device || other.peer !== one.device)
      yield {
        rule: "agreement",
        text: `${session}: ${one.device} talked to ${one.peer}, ${other.device} to ${other.peer}`,
      };
  }
}

/** Nobody is shown a minute after it died, and in the end everybody sees who is there. */
function* checkPresence(entries: readonly Entry[]): Iterable<Finding> {
  const dead = new Map<string, number>();
  const present = new Map<string, Set<string>>();
  /** `watcher user` → what it was told last. */
  const views = new Map<string, readonly string[]>();
  const watchers = new Map<string, boolean>();
  const last = entries.findLast((entry) => entry.what !== "rest")?.at ?? 0;
  for (const entry of entries) {
    if (entry.what === "link") {
      const [user = "", id = ""] = entry.device.split("/");
      if (!present.has(user)) present.set(user, new Set());
      present.get(user)?.add(id);
    } else if (entry.what === "dead" || entry.what === "left") {
      const [user = "", id = ""] = entry.device.split("/");
      // Whoever leaves at the very end need not be seen leaving.
      if (entry.what === "dead") {
        present.get(user)?.delete(id);
        dead.set(entry.device, entry.at);
      } else watchers.set(entry.device, false);
    } else if (entry.what === "presence" && watchers.get(entry.watcher) !== false) {
      const before = views.get(`${entry.watcher} ${entry.user}`) ?? [];
      views.set(`${entry.watcher} ${entry.user}`, entry.devices);
      for (const device of entry.devices) {
        const died = dead.get(`${entry.user}/${device}`);
        if (died !== undefined && entry.at - died > ghostLimit && !before.includes(device))
          yield { rule: "ghost", text: `${entry.watcher} was shown ${entry.user}/${device} after its death` };
      }
      for (const device of before) {
        const died = dead.get(`${entry.user}/${device}`);
        if (died !== undefined && !entry.devices.includes(device) && entry.at - died > ghostLimit)
          yield ghost(entry.watcher, `${entry.user}/${device}`, entry.at - died);
      }
    }
  }
  for (const [key, devices] of views) {
    const [watcher = "", user = ""] = key.split(" ");
    if (dead.has(watcher)) continue;
    const there = [...(present.get(user) ?? [])].sort();
    for (const device of devices) {
      const died = dead.get(`${user}/${device}`);
      if (died !== undefined && last - died > ghostLimit)
        yield ghost(watcher, `${user}/${device}`, last - died);
    }
    const young = (device: string) => {
      const died = dead.get(`${user}/${device}`);
      return died !== undefined && last - died <= ghostLimit;
    };
    const seen = devices.filter((device) => !young(device)).sort();
    if (seen.join() !== there.join())
      yield {
        rule: "presence",
        text: `${watcher} sees ${user} with [${seen.join()}] where [${there.join()}] are`,
      };
  }
}

function ghost(watcher: string, device: string, after: number): Finding {
  return { rule: "ghost", text: `${watcher} saw ${device} ${Math.round(after / 1_000)} s after its death` };
}
