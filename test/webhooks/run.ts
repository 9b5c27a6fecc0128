import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ClusterNode } from "../cluster/cluster-node.ts";
import { Random } from "../fuzz/random.ts";
import { NatsServer } from "../support/nats-server.ts";
import { check, type Finding } from "./checker.ts";
import { Pair, type PlacedCall } from "./pair.ts";
import { Receivers, secret } from "./receivers.ts";

export interface WebhookRunOptions {
  readonly nodes: number;
  readonly calls: number;
  readonly seed: number;
  /** Devices that call at a time. */
  readonly pairs: number;
  /** The time between two kills, ms, about. */
  readonly killEvery: number;
  /** Every so many kills a node stays away until another one goes on in its place. */
  readonly longEvery?: number;
  /** After how long a session is lost, ms. */
  readonly lostAfter?: number;
}

export interface WebhookRun {
  readonly findings: readonly Finding[];
  readonly seconds: number;
  readonly kills: number;
  readonly placed: number;
  /** Sessions and events that receivers have taken, events more than once, and sessions that were lost. */
  readonly sessions: number;
  readonly events: number;
  readonly repeated: number;
  readonly lost: number;
  /** The stores of the nodes and what was taken, where a promise was broken. */
  readonly folder?: string;
}

/** After how long nodes give each other up. ms */
const nodeSilence = 6_000;
/** How long before a kill a call must have been placed for its beginning to be in the store. ms */
const storedWithin = 1_500;
/** How long everything may take to arrive once all works again. ms */
const patience = 90_000;

/** Calls under `kill -9` at random, with receivers that misbehave; then a check of what they have taken. */
export async function runWebhooks(options: WebhookRunOptions): Promise<WebhookRun> {
  const {
    nodes: count,
    calls,
    seed,
    pairs: pairCount,
    killEvery,
    longEvery = 4,
    lostAfter = 15_000,
  } = options;
  const began = performance.now();
  const random = new Random(seed);
  const receivers = new Receivers(random);
  await receivers.start();
  const folder = mkdtempSync(join(tmpdir(), "switchboard-webhooks-"));
  const nats = count === 1 ? undefined : await NatsServer.start();
  const nodes = await Promise.all(
    Array.from({ length: count }, (_, n) =>
      ClusterNode.start({
        name: `n${n + 1}`,
        ...(nats !== undefined && { nats: nats.url }),
        limits: { nodeSilence, detachedTimeout: 3_000, resumeWindow: 1_000 },
        settings: {
          media: { enabled: false },
          records: { lostAfter },
          store: { path: join(folder, `n${n + 1}.sqlite`) },
          webhooks: receivers.urls.map((url) => ({ url, secret, events: ["session.*"] })),
        },
      }),
    ),
  );
  const placed: PlacedCall[] = [];
  const kills: { readonly node: string; readonly at: number; backAt: number }[] = [];
  let done = false;
  let isKept = false;
  const pairs = Array.from(
    { length: pairCount },
    (_, home) =>
      new Pair({ name: `p${home}`, nodes, home, random, placed: (call) => void placed.push(call) }),
  );
  const calling = pairs.map(async (pair) => {
    while (placed.length < calls) await pair.call();
    pair.leave();
  });
  const kill = async (node: ClusterNode, away: number): Promise<void> => {
    const killed = { node: node.name, at: performance.now(), backAt: Number.POSITIVE_INFINITY };
    kills.push(killed);
    await node.kill();
    await sleep(away);
    killed.backAt = performance.now();
    await node.start();
  };
  const killing = (async () => {
    for (let n = 1; ; n++) {
      await sleep(killEvery * (0.5 + random.next()));
      if (done) return;
      void receivers.restart();
      const long = n % longEvery === 0 && count > 1;
      const all = n % longEvery === longEvery - 1;
      const away = long ? nodeSilence + 6_000 : random.next() * 1_500;
      const victim = nodes[Math.floor(random.next() * nodes.length)] as ClusterNode;
      await Promise.all((all ? nodes : [victim]).map((node) => kill(node, away)));
    }
  })();
  try {
    await Promise.all(calling);
    done = true;
    await killing;
    receivers.heal();
    // What is heard of a node that is dead, it said before.
    const known = placed.filter(({ node, at }) =>
      kills.every((one) => one.node !== node || one.backAt < at || one.at > at + storedWithin),
    );
    // An endpoint that has failed is asked again when something new is taken: that is of a session which lives, and isn't checked.
    const isOfWaker = ({ body }: { readonly body: string }): boolean => body.includes('"user":"waker-a"');
    const findings = (): Finding[] =>
      check(
        receivers.taken.filter((one) => !isOfWaker(one)),
        known,
        receivers.names,
      );
    const deadline = performance.now() + patience;
    const waker = new Pair({ name: "waker", nodes, home: 0, random, placed: () => {} });
    while (findings().length > 0 && performance.now() < deadline) {
      await waker.call();
      await sleep(500);
    }
    waker.leave();
    const { taken, unsigned } = receivers;
    const ids = new Set(taken.map(({ endpoint, id }) => `${endpoint} ${id}`));
    const lost = taken.filter(({ body }) => body.includes('"reason":"lost"'));
    const failed = findings();
    isKept = failed.length > 0;
    if (isKept) writeFileSync(join(folder, "run.json"), JSON.stringify({ placed, kills, taken, failed }));
    return {
      findings: [...failed, ...(unsigned > 0 ? [`${unsigned} requests were not signed`] : [])],
      ...(isKept && { folder }),
      seconds: Math.round((performance.now() - began) / 1_000),
      kills: kills.length,
      placed: placed.length,
      sessions: new Set(taken.map(({ session }) => session)).size,
      events: ids.size,
      repeated: taken.length - ids.size,
      lost: new Set(lost.map(({ session }) => session)).size,
    };
  } finally {
    done = true;
    await Promise.all(nodes.map((node) => node.stop()));
    await nats?.stop();
    await receivers.stop();
    if (!isKept) rmSync(folder, { recursive: true, force: true });
  }
}
