import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { EventLog } from "../events/event-log.ts";
import { EventFeed, openOf } from "../events/feed.ts";
import { SentMessages } from "../events/sent-messages.ts";
import { nextTurn, wallAhead } from "../net/clock.ts";
import { random } from "../net/crypto.ts";
import { diagnose } from "../records/diagnosis/diagnose.ts";
import { type CallRecord, serverParty } from "../records/record.ts";
import { Recorder } from "../records/recorder.ts";
import type { Records } from "../records/records.ts";
import { hasSqlite, memoryStore } from "../records/store/open-store.ts";
import { startSqliteStore } from "../records/store/sqlite-store.ts";
import type { ListPart, OpenSession, OutboxEntry, Store, Write } from "../records/store.ts";
import type { CoreEvent } from "../signaling/events.ts";
import type { FrameObserver } from "../signaling/observer.ts";
import { Webhooks } from "../webhooks/webhooks.ts";
import { tellObservers } from "./observers.ts";
import { outboundConnections, outboundSender } from "./outbound.ts";
import { copyRecords } from "./record-copies.ts";
import type { CoreContext, Part, Service } from "./service.ts";
import { SessionTrails } from "./session-trails.ts";
import { stateFolder } from "./state-folder.ts";
import { startEndpoints } from "./webhook-endpoints.ts";

/** Sessions that have a record at a time. */
const mostSessions = 200_000;
const [day, pruneEvery] = [86_400_000, 60_000];
/** How long a server that stops waits for webhooks that are under way. ms */
const lastWords = 1_000;

/** Records of sessions, the events of the application, and their webhooks. */
export const records: Part = {
  start: async (context) => {
    const { settings } = context;
    const { records: kept, webhooks, messageEvents } = settings;
    return kept.enabled || webhooks.length > 0 || messageEvents ? await start(context) : undefined;
  },
};

async function start(context: CoreContext): Promise<Service> {
  const { settings, node, log, now, core, fault } = context;
  const copies = await copyRecords(context, await openStore(context));
  const { store } = copies;
  const webhooks = makeWebhooks(context, store);
  const isClustered = core.clusterStats() !== undefined;
  if (isClustered) webhooks.hold();
  const endpoints = await startEndpoints(context, webhooks);
  const tells = (): boolean => webhooks.size > 0;
  const guarded = (task: () => void): void => {
    try {
      task();
    } catch (error) {
      fault("records", error);
    }
  };
  const isHere = (user: string, id: string): boolean => {
    const device = core.core.directory.device(user, id);
    return device !== undefined && device.node === undefined;
  };
  const run = random(6);
  const eventLog = new EventLog(run);
  const feed = new EventFeed({
    node,
    run,
    online: isHere,
    tell: (event, open) => {
      eventLog.add(event, wallAhead());
      const ended = event.type === "session.ended";
      if (ended) trails.over(event.lane);
      tellObservers(context.observers, event, wallAhead(), fault);
      if (!tells()) return;
      webhooks.tell(
        event,
        ...(open !== undefined ? [{ write: "open" as const, open }] : []),
        ...(ended ? [{ write: "closed" as const, session: event.lane }] : []),
      );
    },
  });
  const { lostAfter } = settings.records;
  const trails = new SessionTrails(context, {
    store,
    flush: () => copies.flush(),
    patience: lostAfter,
    isLive: (session) => recorder.get(session) !== undefined,
    resend: (entries) => webhooks.resend(entries),
    goesOn: (live) => {
      if (tells() && !live.muted) void store.write({ write: "open", open: openOf(live) });
    },
    lost: (open) => {
      feed.lost(open, now());
      const record = lostRecord(open, node, now());
      if (settings.records.enabled)
        void store.write({ write: "record", stored: { record, cause: causeOf(record) } });
    },
  });
  let due = false;
  const settle = (): void => {
    due = false;
    recorder.settle();
    feed.settle(now());
  };
  const settleSoon = (): void => {
    if (due) return;
    due = true;
    nextTurn(() => guarded(settle));
  };
  const causes = new Map<string, number>();
  const recorder = new Recorder({
    node,
    kept: settings.records,
    sessions: mostSessions,
    newId: () => `r_${random(12)}`,
    before: (session) => trails.take(session),
    came: (live, from) => trails.came(live, tells() ? from : undefined),
    left: (live) => {
      if (tells() && live.told > 0) trails.left([openOf(live)], lostAfter);
    },
    happened: (type, live, facts, at) => {
      if (type !== "session.ended") trails.tell(live.session, () => feed.session(type, live, facts, at));
    },
    finished: (record, live) => {
      const cause = causeOf(record);
      if (cause !== undefined) causes.set(cause, (causes.get(cause) ?? 0) + 1);
      trails.tell(live.session, () => {
        if (record.state === "ended") feed.ended(record, live, cause, now());
        if (settings.records.enabled) void store.write({ write: "record", stored: { record, cause } });
      });
    },
  });
  const messages = new SentMessages((device, { to, body }, at) => feed.message(device, to, body, at));
  const observer = guardedObserver(recorder, settings.messageEvents ? messages : undefined, fault);
  const heard = (event: CoreEvent): void => {
    const { type } = event;
    // One for each request: nobody here asks for them.
    if (type === "request" || type === "request_failed" || type === "limit") return;
    guarded(() => {
      recorder.heard(event, now());
      feed.heard(event, now());
      if (type === "session_ended" || type === "link_closed") settleSoon();
    });
  };
  const open = tells() ? await store.ask("open").catch(() => []) : [];
  trails.left(open, lostAfter);
  if (isClustered)
    void dropGoneOn(store, trails, open)
      .catch((error: unknown) => fault("records", error))
      .finally(() => webhooks.release());
  copies.begin(
    async (left) => {
      const opens = left.flatMap((told) => (told.write === "open" ? told.open : []));
      const entries = left.flatMap((told) => (told.write === "outbox" ? told.entry : []));
      // Since it was heard last, some time has passed.
      trails.left(opens, Math.max(1_000, lostAfter - settings.limits.nodeSilence));
      await store.write(...opens.map((open): Write => ({ write: "open", open })));
      await webhooks.resend(entries);
    },
    (owner) => log.info({ node: owner }, "another node is gone: its webhooks are sent from here"),
  );
  const { days } = settings.records;
  const prune = (): void => {
    void store.ask("prune", { olderThan: now() - days * day, bytes: settings.store.bytes }).catch(() => {});
  };
  prune();
  const pruner = setInterval(prune, pruneEvery);
  pruner.unref();
  const made = recordsOf(recorder, store, now, isClustered ? node : undefined);
  feed.node("up", now());
  return {
    observer,
    heard,
    records: made,
    eventLog,
    events: {
      wake: (type, data) => guarded(() => feed.wake(type, data, now())),
      push: (type, data) => guarded(() => feed.push(type, data, now())),
    },
    webhooks: endpoints.api,
    draining: () => {
      feed.node("draining", now());
    },
    metrics: (registry) => {
      registry.counter(
        "store_lost_total",
        "Writes that the store of records and webhooks has lost.",
        [],
        (set) => set(store.counts.lost),
      );
      registry.gauge("store_waiting", "Writes that wait for the store.", [], (set) =>
        set(store.counts.waiting),
      );
      registry.counter(
        "records_missed_total",
        "Sessions without a record, for there were too many.",
        [],
        (set) => set(recorder.missed),
      );
      registry.counter("session_causes_total", "Sessions that ended, by diagnosis.", ["cause"], (set) => {
        for (const [cause, count] of causes) set(count, { cause });
      });
      registry.gauge("webhooks_waiting", "Events in memory that wait for an endpoint.", [], (set) =>
        set(webhooks.waiting),
      );
      registry.counter("webhooks_total", "Attempts to send events, by outcome.", ["outcome"], (set) => {
        for (const [outcome, value] of Object.entries(webhooks.counts)) set(value, { outcome });
      });
    },
    stop: async () => {
      trails.stop();
      copies.stop();
      endpoints.stop();
      clearInterval(pruner);
      guarded(settle);
      feed.node("down", now());
      await store.write();
      await webhooks.stop(lastWords);
      await store.stop();
      log.debug("records: stored");
    },
  };
}

/** Both hear every frame. A fault of one costs a row or an event, and no request. Written out, for every frame comes through here. */
function guardedObserver(
  recorder: Recorder,
  messages: SentMessages | undefined,
  fault: (where: string, error: unknown) => void,
): FrameObserver {
  const guarded = (task: () => void): void => {
    try {
      task();
    } catch (error) {
      fault("records", error);
    }
  };
  return {
    request: (device, request, now) => {
      try {
        recorder.request(device, request, now);
      } catch (error) {
        fault("records", error);
      }
    },
    outcome: (device, request, outcome, now) => {
      try {
        recorder.outcome(device, request, outcome, now);
      } catch (error) {
        fault("records", error);
      }
      if (messages !== undefined) guarded(() => messages.outcome(device, request, outcome, now));
    },
    reply: (device, id, outcome, now) => {
      try {
        recorder.reply(device, id, outcome, now);
      } catch (error) {
        fault("records", error);
      }
      if (messages !== undefined) guarded(() => messages.reply(device, id, outcome, now));
    },
    push: (device, push, now) => {
      try {
        recorder.push(device, push, now);
      } catch (error) {
        fault("records", error);
      }
    },
    gatewayMessages: (device, session, told) =>
      guarded(() => recorder.gatewayMessages(device, session, told)),
  };
}

async function openStore({ settings, node, log }: CoreContext): Promise<Store> {
  const { store, dev } = settings;
  const path =
    store.path || (dev ? ":memory:" : join(stateFolder(settings.stateFolder), `store-${node}.sqlite`));
  if (path === ":memory:") return memoryStore();
  if (!(await hasSqlite())) {
    log.warn(
      "this Node has no SQLite (22.13 has): records and webhooks are kept in memory, and end with the process",
    );
    return memoryStore();
  }
  let toldAt = 0;
  const reports = {
    lost: (reason: string, count: number) => {
      if (Date.now() - toldAt < 10_000) return;
      toldAt = Date.now();
      log.error({ reason, count, path }, "records or webhooks are lost: the store can't take them");
    },
    damaged: (reason: string) => log.error({ reason, path }, "the store was damaged: a new one was begun"),
  };
  try {
    if (store.path === "") mkdirSync(stateFolder(settings.stateFolder), { recursive: true, mode: 0o700 });
    return await startSqliteStore(path, reports);
  } catch (error) {
    log.error({ err: error, path }, "the store can't be opened: records and webhooks are kept in memory");
    return memoryStore();
  }
}

/** Drops what an earlier run has not got rid of, of sessions that another node has gone on with or ended meanwhile. */
async function dropGoneOn(store: Store, trails: SessionTrails, open: readonly OpenSession[]): Promise<void> {
  const waiting = new Map<string, Write[]>();
  for (const { session } of open) waiting.set(session, [{ write: "closed", session }]);
  for (let from: number | undefined = 0; from !== undefined; ) {
    const { items, last }: ListPart<OutboxEntry> = await store.ask("waiting", { after: from, limit: 1_000 });
    for (const { endpoint, id, lane } of items) {
      if (!lane.startsWith("s_")) continue;
      const writes = waiting.get(lane) ?? [];
      writes.push({ write: "delivered", endpoint, id });
      waiting.set(lane, writes);
    }
    from = last;
  }
  if (waiting.size === 0) return;
  const gone = await trails.goneOn([...waiting.keys()]);
  if (gone.length > 0) await store.write(...gone.flatMap((session) => waiting.get(session) ?? []));
}

function causeOf(record: CallRecord): string | undefined {
  return diagnose(record)[0]?.code;
}

/** The record of a session that ended unseen: its ladder is lost. */
function lostRecord({ facts, startedAt }: OpenSession, node: string, now: number): CallRecord {
  const of: Pick<CallRecord, "session" | "kind" | "caller" | "callee" | "room"> = JSON.parse(facts);
  const row = {
    at: now - startedAt,
    from: serverParty,
    to: serverParty,
    type: "lost",
    note: "found at start",
  };
  const rest = { legs: [], moves: [], restarts: 0, ladder: [row], skippedRows: 0 };
  return { ...of, node, state: "ended", startedAt, endedAt: now, reason: "lost", ...rest };
}

function makeWebhooks({ settings, log }: CoreContext, store: Store): Webhooks {
  return new Webhooks({
    store,
    sender: outboundSender(settings.webhookAllow, settings.dev),
    connections: outboundConnections,
    jitter: Math.random,
    told: (what, endpoint, failure) =>
      what === "disabled"
        ? log.error(
            { endpoint },
            "a webhook endpoint answered 410: nothing more is sent to it until the next start or a retry",
          )
        : log.warn({ endpoint, failure }, "a webhook was not taken for three days: it is a dead letter"),
  });
}

function recordsOf(recorder: Recorder, store: Store, now: () => number, node: string | undefined): Records {
  const diagnosed = (record: CallRecord) => ({ record, diagnosis: diagnose(record) });
  return {
    get: async (session) => {
      const record = recorder.get(session) ?? (await store.ask("get", session));
      return record && diagnosed(record);
    },
    search: (query) => store.ask("search", query),
    live: (limit) => {
      const found: CallRecord[] = [];
      for (const live of recorder.list()) {
        if (found.length >= limit) break;
        found.push(live.record());
      }
      return found;
    },
    async *export(user) {
      let cursor: string | undefined;
      do {
        const page = await store.ask("search", { user, limit: 100, ...(cursor !== undefined && { cursor }) });
        for (const { session } of page.records) {
          const record = await store.ask("get", session);
          if (record !== undefined) yield record;
        }
        cursor = page.cursor;
      } while (cursor !== undefined);
    },
    erase: async (user, actor) => {
      // The copies of other nodes are counted there.
      const count = await store.ask("erase", { user, ...(node !== undefined && { node }) });
      await store.write({
        write: "audit",
        entry: { at: now(), actor, act: "erase", subject: user, detail: `${count} records` },
      });
      return count;
    },
    audit: (entry) => void store.write({ write: "audit", entry }),
    audited: (query) => store.ask("audit", query),
    note: (session, row) => recorder.note(session, row, now()),
    noteOfDevice: (device, row) => recorder.noteOfDevice(device, row, now()),
  };
}
