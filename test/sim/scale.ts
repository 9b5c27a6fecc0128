import type { Cost } from "./counted-cluster.ts";
import type { Operations } from "./operation-cost.ts";
import { type Habits, spread } from "./population.ts";

/** The load of a cluster in a second of the busy hour. */
export interface Scale {
  readonly nodes: number;
  readonly devicesOfNode: number;
  readonly holders: number;
  readonly followers: number;
  readonly subscriptions: number;
  readonly subscriptionsOfNode: number;
  /** Subscriptions that begin or end, a second. */
  readonly churn: number;
  /** Messages a second, of all nodes together, into NATS and out of it, by cause. */
  readonly sent: Readonly<Record<Cause, number>>;
  readonly delivered: Readonly<Record<Cause, number>>;
  readonly totalSent: number;
  readonly totalDelivered: number;
  /** Messages a second that come out at one node. */
  readonly deliveredToNode: number;
  readonly channels: number;
}

export const causes = [
  "presence",
  "signIns",
  "watches",
  "resumes",
  "calls",
  "messages",
  "heartbeats",
] as const;
export type Cause = (typeof causes)[number];

/** A node tells all others that it is there this often, s. */
const heartbeatEvery = 2;
/** Subjects of a node that are no user's: `nodes`, its own, that of its links, its replies. */
const ownSubjects = 4;

/**
 * What the routing by interest costs at a size. What an operation costs is taken from the real core by {@link Operations} where
 * few nodes are concerned, and goes on linearly, as it does there.
 */
export function scaleOf(habits: Habits, nodes: number, operations: Operations, seed = 1): Scale {
  const { users, holders, followers, followedAnyway } = spread(habits, nodes, seed);
  const rate = (perHour: number) => (habits.devices * perHour) / 3_600;
  const alone = nodes === 1;
  const sent = zero();
  const delivered = zero();
  let churn = 0;
  const add = (cause: Cause, perSecond: number, cost: Cost): void => {
    if (alone) return;
    sent[cause] += perSecond * cost.sent;
    delivered[cause] += perSecond * cost.delivered;
    churn += perSecond * cost.interest;
  };
  // The other nodes that hold a device of somebody whom one deals with.
  const others = holders * (1 - 1 / nodes);
  const at = linear;
  add("presence", rate(habits.presenceChanges), at(operations.presence, holders, followers));
  add("signIns", rate(habits.signIns), at(operations.signIn, Math.max(0, holders - 1), followers));
  // Who signs in anew watches anew; what the node follows anyway costs nothing.
  const watches = habits.signIns * habits.watches * (1 - followedAnyway);
  add("watches", rate(watches), at(operations.watch, others));
  add("resumes", rate(habits.resumes), operations.resume());
  add("calls", rate(habits.calls), at(operations.call, others));
  const message = (warm: boolean) => at((h: number) => operations.message(h, warm), others);
  add("messages", rate(habits.messages * habits.warmMessages), message(true));
  add("messages", rate(habits.messages * (1 - habits.warmMessages)), message(false));
  if (!alone) {
    sent.heartbeats = nodes / heartbeatEvery;
    delivered.heartbeats = (nodes * (nodes - 1)) / heartbeatEvery;
  }
  const total = (counts: Record<Cause, number>) => causes.reduce((sum, cause) => sum + counts[cause], 0);
  const subscriptions = alone ? 0 : users * (holders + followers) + nodes * ownSubjects;
  return {
    nodes,
    devicesOfNode: habits.devices / nodes,
    holders,
    followers,
    subscriptions,
    subscriptionsOfNode: subscriptions / nodes,
    churn,
    sent,
    delivered,
    totalSent: total(sent),
    totalDelivered: total(delivered),
    deliveredToNode: total(delivered) / nodes,
    channels: nodes * (nodes - 1),
  };
}

/** The cost at numbers of nodes that need not be whole, from what was measured at small whole ones. */
function linear(measure: (...at: number[]) => Cost, ...at: number[]): Cost {
  const base = measure(...at.map(() => 1));
  const cost = { ...base };
  for (const [index, value] of at.entries()) {
    const more = measure(...at.map((_, other) => (other === index ? 2 : 1)));
    for (const key of Object.keys(cost) as (keyof Cost)[])
      (cost as Record<keyof Cost, number>)[key] += (more[key] - base[key]) * (value - 1);
  }
  return cost;
}

function zero(): Record<Cause, number> {
  return Object.fromEntries(causes.map((cause) => [cause, 0])) as Record<Cause, number>;
}
