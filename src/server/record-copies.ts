import { Type } from "typebox";
import { after, every } from "../net/clock.ts";
import { CopiedStore } from "../records/copied-store.ts";
import { readCopy } from "../records/copy-schema.ts";
import type { Store, Told, Write } from "../records/store.ts";
import type { CoreContext } from "./service.ts";

/** What a node has another one keep. `since`: in place of what that one has of it; 0: that is of no use any more. */
const keepQuestion = {
  name: "records.keep",
  argument: Type.Object({
    owner: Type.String(),
    since: Type.Optional(Type.Number({ minimum: 0 })),
    copies: Type.Array(Type.String()),
  }),
  answer: Type.Object({ kept: Type.Boolean() }),
} as const;

/** Since when a node keeps copies of another: of two that do the later one goes on in its place. */
const sinceQuestion = {
  name: "records.since",
  argument: Type.Object({ owner: Type.String() }),
  answer: Type.Object({ since: Type.Number() }),
} as const;

/** How long a node that is busy may take to keep copies. ms */
const keepWithin = 4_000;
/** How often the other nodes are looked at, and how long one must be away before this node goes on in its place. ms */
const [lookEvery, awayFor] = [1_000, 3_000];
/** How often the others are asked who has the latest copies, where some of them do not answer. */
const mostTries = 5;
const pageSize = 500;

/** What other nodes have told, where one of them is gone. */
export interface RecordCopies {
  /** {@link Store} of this node, which another one keeps a copy of. */
  readonly store: Store;
  /** Resolves once this node's own store has taken what was written, whether or not it is copied. */
  flush(): Promise<unknown>;
  /** From now on `takeOver` gets what a node that is gone has left, page by page; `done` is called after the last. */
  begin(takeOver: (left: readonly Told[]) => Promise<void>, done: (owner: string) => void): void;
  stop(): void;
}

/** Keeps copies for other nodes, and has one of them keep those of this node. A node without others has its store alone. */
export async function copyRecords(
  { core, node, now, fault }: CoreContext,
  store: Store,
): Promise<RecordCopies> {
  if (core.clusterStats() === undefined)
    return { store, flush: () => store.write(), begin: () => {}, stop: () => {} };
  const { survey } = core;
  const owners = new Map<string, number>();
  for (const { owner, since } of await store.ask("owners").catch(() => [])) owners.set(owner, since);
  survey.answers(keepQuestion, async ({ owner, since, copies }) => {
    const writes: Write[] = [];
    if (since === 0) writes.push({ write: "forget", owner });
    else if (since !== undefined) writes.push({ write: "copies", owner, since });
    for (const text of copies) {
      const copy = readCopy(text);
      if (copy?.write === "record") writes.push(copy);
      else if (copy !== undefined) writes.push({ write: "copy", owner, told: copy });
    }
    if (since === 0) owners.delete(owner);
    else if (since !== undefined) owners.set(owner, since);
    // Another run of this node does not know it: its owner must begin anew.
    else if (!owners.has(owner)) return { kept: false };
    return { kept: await store.write(...writes) };
  });
  survey.answers(sinceQuestion, ({ owner }) => ({ since: owners.get(owner) ?? 0 }));
  const copied = new CopiedStore({
    node,
    store,
    now,
    after,
    keepers: {
      names: () => survey.others,
      keep: async (keeper, copies, since) => {
        const argument = { owner: node, copies: [...copies], ...(since !== undefined && { since }) };
        const { answers } = await survey.ask(keepQuestion, argument, { only: keeper, timeout: keepWithin });
        return answers.get(keeper)?.kept === true;
      },
    },
  });
  const awaySince = new Map<string, number>();
  const tries = new Map<string, number>();
  let stopLooking = (): void => {};
  return {
    store: copied,
    flush: () => store.write(),
    begin: (takeOver, done) => {
      let busy = false;
      const goOnFor = async (owner: string): Promise<void> => {
        const since = owners.get(owner) ?? 0;
        const asked = { others: true, timeout: keepWithin };
        const { answers, silent } = await survey.ask(sinceQuestion, { owner }, asked);
        // A node that is busy may have later copies: these must not be told in their place.
        const times = silent.length === 0 ? mostTries : (tries.get(owner) ?? 0) + 1;
        if (times < mostTries) {
          tries.set(owner, times);
          return;
        }
        tries.delete(owner);
        const isLatest = [...answers.values()].every((other) => other.since <= since);
        // Events first: of a session that is gone on with, all are sent that its number counts.
        for (const kind of isLatest ? (["outbox", "open"] as const) : [])
          for (let from: number | undefined = 0; from !== undefined; ) {
            const { items, last }: { readonly items: readonly Told[]; readonly last?: number } =
              await store.ask("copies", { owner, after: from, limit: pageSize });
            // It may be back, and have begun anew: then it goes on by itself.
            if (owners.get(owner) !== since) return;
            await takeOver(items.filter(({ write }) => write === kind));
            from = last;
          }
        if (owners.get(owner) !== since) return;
        owners.delete(owner);
        await store.write({ write: "forget", owner });
        if (isLatest) done(owner);
      };
      const look = (): void => {
        copied.tick();
        const there = new Set(survey.others);
        for (const owner of owners.keys()) {
          if (there.has(owner)) awaySince.delete(owner);
          else if (!awaySince.has(owner)) awaySince.set(owner, now());
        }
        const gone = [...owners.keys()].find((owner) => now() - (awaySince.get(owner) ?? now()) >= awayFor);
        if (gone === undefined || busy) return;
        busy = true;
        goOnFor(gone)
          .catch((error: unknown) => {
            awaySince.set(gone, now());
            fault("records", error);
          })
          .finally(() => {
            busy = false;
          });
      };
      stopLooking = every(lookEvery, look);
    },
    stop: () => stopLooking(),
  };
}
