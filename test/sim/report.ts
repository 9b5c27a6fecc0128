import type { Cost } from "./counted-cluster.ts";
import { type Operations, operations } from "./operation-cost.ts";
import { busyHour, type Habits } from "./population.ts";
import { type Cause, causes, type Scale, scaleOf } from "./scale.ts";

/** One nats-server 2.9.10 of Debian on a core of 2026's cheap cloud, by `bun test/sim/nats-capacity.ts`. */
const nats = { deliveriesPerSecond: 590_000, bytesPerSubscription: 900 };
const memory = 16 * 2 ** 30;
const sizes = [1, 10, 100, 1_000];
const regions = 10;

const words: Record<Cause, string> = {
  presence: "presence changes",
  signIns: "sign-ins",
  watches: "watches after a sign-in",
  resumes: "resumes at another node",
  calls: "calls",
  messages: "messages",
  heartbeats: "heartbeats",
};

/** Everything of docs/scaling.md that is computed, as Markdown. */
export function report(): string {
  const once = remembered(operations);
  const scales = sizes.map((nodes) => scaleOf(busyHour, nodes, once));
  const region = scaleOf({ ...busyHour, devices: busyHour.devices / regions }, 1_000 / regions, once);
  return [
    "### What one operation costs",
    "",
    ...costTable(once),
    "",
    `### ${millions(busyHour.devices)} devices on ${sizes.join(", ").replace(/, ([^,]*)$/, " and $1")} nodes`,
    "",
    ...scaleTable(scales),
    "",
    "### Messages out of NATS a second, by cause",
    "",
    ...causeTable(scales),
    "",
    "### Other ways to route presence, at 1,000 nodes",
    "",
    ...otherWays(scales.at(-1) as Scale, region),
  ].join("\n");
}

function costTable(measured: Operations): string[] {
  const row = (name: string, one: Cost, two?: Cost, per = "holder") => {
    const count = (key: "sent" | "delivered" | "interest") =>
      two === undefined || two[key] === one[key]
        ? String(one[key])
        : `${one[key]} (+${two[key] - one[key]} for each further ${per})`;
    const size = one.sent === 0 ? "–" : `${Math.round(one.sentBytes / one.sent / 10) * 10}`;
    return `| ${name} | ${count("sent")} | ${count("delivered")} | ${count("interest")} | ${size} |`;
  };
  return [
    "| | into NATS | out of NATS | subscriptions changed | bytes each |",
    "|---|---|---|---|---|",
    row(
      "a status changes; one node follows the user",
      measured.presence(1, 1),
      measured.presence(1, 2),
      "follower",
    ),
    row(
      "a user's second device signs in at another node",
      measured.signIn(1, 0),
      measured.signIn(1, 1),
      "follower",
    ),
    row("watch a user whom the node does not follow", measured.watch(1), measured.watch(2)),
    row("the first message to a user elsewhere", measured.message(1, false), measured.message(2, false)),
    row("the next ones", measured.message(1, true), measured.message(2, true)),
    row("a call between two nodes, ring to hang-up", measured.call(1), measured.call(2)),
    row("a call within one node", measured.localCall()),
    row("a link in a call resumes at another node", measured.resume()),
  ];
}

function scaleTable(scales: readonly Scale[]): string[] {
  const row = (name: string, value: (scale: Scale) => string) =>
    `| ${name} | ${scales.map(value).join(" | ")} |`;
  return [
    `| | ${scales.map(({ nodes }) => (nodes === 1 ? "1 node" : `${grouped(nodes)} nodes`)).join(" | ")} |`,
    `|---|${scales.map(() => "---|").join("")}`,
    row("devices of a node", ({ devicesOfNode }) => millions(devicesOfNode)),
    row(
      "nodes that hold a user, that follow her",
      ({ holders, followers }) => `${one(holders)}, ${one(followers)}`,
    ),
    row("subscriptions in all", ({ subscriptions }) => millions(subscriptions)),
    row("subscriptions of a node", ({ subscriptionsOfNode }) => millions(subscriptionsOfNode)),
    row("subscriptions that change a second", ({ churn }) => grouped(churn)),
    row("messages into NATS a second", ({ totalSent }) => grouped(totalSent)),
    row("messages out of NATS a second", ({ totalDelivered }) => grouped(totalDelivered)),
    row("… at each node", ({ deliveredToNode }) => grouped(deliveredToNode)),
    row("channels between nodes", ({ channels }) => grouped(channels)),
    row("cores of NATS for that, at half load", ({ totalDelivered }) =>
      String(Math.ceil((2 * totalDelivered) / nats.deliveriesPerSecond)),
    ),
    row("memory of NATS for the subscriptions", ({ subscriptions }) =>
      subscriptions === 0 ? "0" : `${Math.round((subscriptions * nats.bytesPerSubscription) / 2 ** 30)} GB`,
    ),
    row("devices at which one NATS of 16 GB is full", ({ subscriptions }) =>
      subscriptions === 0
        ? "–"
        : millions((busyHour.devices * memory) / (subscriptions * nats.bytesPerSubscription)),
    ),
  ];
}

function causeTable(scales: readonly Scale[]): string[] {
  const many = scales.filter(({ nodes }) => nodes > 1);
  return [
    `| | ${many.map(({ nodes }) => `${grouped(nodes)} nodes`).join(" | ")} |`,
    `|---|${many.map(() => "---|").join("")}`,
    ...causes.map(
      (cause) =>
        `| ${words[cause]} | ${many.map(({ delivered }) => grouped(delivered[cause])).join(" | ")} |`,
    ),
  ];
}

function otherWays(exact: Scale, region: Scale): string[] {
  const { devices, presenceChanges, signIns }: Habits = busyHour;
  const changes = (devices * (presenceChanges + signIns)) / 3_600;
  const rest =
    exact.totalDelivered - exact.delivered.presence - exact.delivered.signIns - exact.delivered.watches;
  const shards = 256;
  // With thousands of followed users in every shard each node hears every change.
  const everywhere = changes * (exact.nodes - 1);
  const row = (name: string, subscriptions: number, delivered: number, toNode: number) =>
    `| ${name} | ${millions(subscriptions)} | ${grouped(delivered)} | ${grouped(toNode)} |`;
  return [
    "| | subscriptions in all | out of NATS a second | … at each node |",
    "|---|---|---|---|",
    row("a subject for each user (now)", exact.subscriptions, exact.totalDelivered, exact.deliveredToNode),
    row(
      `${shards} subjects for all users`,
      exact.nodes * shards,
      everywhere + rest,
      (everywhere + rest) / exact.nodes,
    ),
    row(
      `one of ${regions} regions of ${1_000 / regions} nodes, a NATS each`,
      region.subscriptions,
      region.totalDelivered,
      region.deliveredToNode,
    ),
  ];
}

/** Each measurement runs a cluster: once is enough. */
function remembered(measured: Operations): Operations {
  const known = new Map<string, Cost>();
  const once =
    (name: keyof Operations) =>
    (...args: unknown[]): Cost => {
      const key = `${name} ${args.join()}`;
      let cost = known.get(key);
      if (cost === undefined) {
        cost = (measured[name] as (...args: unknown[]) => Cost)(...args);
        known.set(key, cost);
      }
      return cost;
    };
  return Object.fromEntries(
    (Object.keys(measured) as (keyof Operations)[]).map((name) => [name, once(name)]),
  ) as unknown as Operations;
}

function grouped(value: number): string {
  const digits = 10 ** Math.max(0, Math.floor(Math.log10(Math.max(1, value))) - 2);
  return (Math.round(value / digits) * digits).toLocaleString("en-US");
}

function millions(value: number): string {
  return value < 1_000_000 ? grouped(value) : `${Number((value / 1e6).toPrecision(3))} M`;
}

function one(value: number): string {
  return value.toFixed(1);
}
