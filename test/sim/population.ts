import { Random } from "../fuzz/random.ts";

/** Who is online, who watches whom, and what they do. Rates are those of a device in an hour. */
export interface Habits {
  readonly devices: number;
  /** Shares of users with 1, 2, 3 … devices online. */
  readonly devicesOfUser: readonly number[];
  /** Users whom a device watches, on average; how many of those a user has is uneven (log-normal). */
  readonly watches: number;
  readonly presenceChanges: number;
  readonly signIns: number;
  readonly resumes: number;
  readonly calls: number;
  readonly messages: number;
  /** Share of the messages to users whom the sender's node follows already. */
  readonly warmMessages: number;
}

export const busyHour: Habits = {
  devices: 10_000_000,
  devicesOfUser: [0.6, 0.3, 0.1],
  watches: 20,
  presenceChanges: 6,
  signIns: 2,
  resumes: 2,
  calls: 1,
  messages: 20,
  warmMessages: 0.8,
};

/** Where a user's devices, and those who watch her, are. */
export interface Spread {
  readonly users: number;
  /** Nodes that hold a device of a user; nodes that follow her and hold none. Means. */
  readonly holders: number;
  readonly followers: number;
  /** The most followers of a user in the sample. */
  readonly mostFollowers: number;
  /** Share of a device's watches that its node follows anyway. */
  readonly followedAnyway: number;
}

const sample = 20_000;
/** How uneven the number of watchers is (sigma of the log-normal). */
const unevenness = 1;

/** Draws users, and puts their devices and their watchers on nodes as a load balancer does: anywhere. */
export function spread(habits: Habits, nodes: number, seed: number): Spread {
  const random = new Random(seed);
  const perUser = habits.devicesOfUser.reduce((sum, share, index) => sum + share * (index + 1), 0);
  const users = habits.devices / perUser;
  // As many devices watch a user as one user's devices watch others.
  const watchersOfUser = (habits.devices * habits.watches) / users;
  let holders = 0;
  let followers = 0;
  let mostFollowers = 0;
  for (let n = 0; n < sample; n++) {
    const held = new Set<number>();
    const count = devicesOf(habits, random);
    for (let d = 0; d < count; d++) held.add(random.int(1, nodes));
    const watchers = Math.round(uneven(watchersOfUser, random));
    const following = new Set<number>();
    for (let w = 0; w < Math.min(watchers, 50 * nodes); w++) {
      const node = random.int(1, nodes);
      if (!held.has(node)) following.add(node);
    }
    holders += held.size;
    followers += following.size;
    mostFollowers = Math.max(mostFollowers, following.size);
  }
  const mean = (sum: number) => sum / sample;
  return {
    users,
    holders: mean(holders),
    followers: mean(followers),
    mostFollowers,
    followedAnyway: mean(holders + followers) / nodes,
  };
}

function devicesOf({ devicesOfUser }: Habits, random: Random): number {
  let left = random.next();
  for (const [index, share] of devicesOfUser.entries()) {
    left -= share;
    if (left < 0) return index + 1;
  }
  return devicesOfUser.length;
}

/** Log-normal with that mean. */
function uneven(mean: number, random: Random): number {
  const normal = Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next());
  return mean * Math.exp(unevenness * normal - unevenness ** 2 / 2);
}
