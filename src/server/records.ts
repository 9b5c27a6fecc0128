import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { EventLog } from "../events/event-log.ts";
import { EventFeed } from "../events/feed.ts";
import { SentMessages } from "../events/sent-messages.ts";
import { after, nextTurn, wallAhead } from "../net/clock.ts";
import { random } from "../net/crypto.ts";
import { diagnose } from "../records/diagnosis/diagnose.ts";
import type { CallRecord } from "../records/record.ts";
import { Recorder } from "../records/recorder.ts";
import type { Records } from "../records/records.ts";
import { hasSqlite, memoryStore } from "../records/store/open-store.ts";
import { startSqliteStore } from "../records/store/sqlite-store.ts";
import type { OpenSession, Store } from "../records/store.ts";
import type { CoreEvent } from "../signaling/events.ts";
import type { FrameObserver } from "../signaling/observer.ts";
import { Webhooks } from "../webhooks/webhooks.ts";
import { outboundConnections, outboundSender } from "./outbound.ts";
import type { CoreContext, Part, Service } from "./service.ts";
import { stateFolder } from "./state-folder.ts";
import { startEndpoints } from "./webhook-endpoints.ts";

/** Sessions that have a record at a time. */
const mostSessions = 200_000;
/** How long after a start a session of the run before may be found again. ms */
const lostAfter = 120_000;
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
  const store = await openStore(context);
  const webhooks = makeWebhooks(context, store);
  const endpoints = await startEndpoints(context, webhooks);
  const tells = (): boolean => webhooks.size > 0;
  const before = new Map<string, OpenSession>();
  if (tells()) for (const open of await store.ask("open").catch(() => [])) before.set(open.session, open);
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
      if (!tells()) return;
      webhooks.tell(
        event,
        ...(open !== undefined ? [{ write: "open" as const, open }] : []),
        ...(event.type === "session.ended" ? [{ write: "closed" as const, session: event.lane }] : []),
      );
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
  const guarded = (task: () => void): void => {
    try {
      task();
    } catch (error) {
      fault("records", error);
    }
  };
  const causes = new Map<string, number>();
  const recorder = new Recorder({
    node,
    kept: settings.records,
    sessions: mostSessions,
    newId: () => `r_${random(12)}`,
    before: (session) => {
      const open = before.get(session);
      before.delete(session);
      return open;
    },
    happened: (type, live, facts, at) => {
      if (type !== "session.ended") feed.session(type, live, facts, at);
    },
    finished: (record, live) => {
      const cause = diagnose(record)[0]?.code;
      if (cause !== undefined) causes.set(cause, (causes.get(cause) ?? 0) + 1);
      if (record.state === "ended") feed.ended(record, live, cause, now());
      if (settings.records.enabled) void store.write({ write: "record", stored: { record, cause } });
    },
  });
  const messages = new SentMessages((device, { to, body }, at) => feed.message(device, to, body, at));
  const observer = guardedObserver(settings.messageEvents ? [recorder, messages] : [recorder], fault);
  const heard = (event: CoreEvent): void => {
    const { type } = event;
    // One for each request: nobody here asks for them.
    if (type === "request" || type === "request_failed" || type === "limit") return;
    guarded(() => {
      recorder.heard(event, now());
      feed.heard(event, now());
      if (type === "session_left" && tells()) void store.write({ write: "closed", session: event.session });
      if (type === "session_ended" || type === "link_closed") settleSoon();
    });
  };
  const stopLost = after(lostAfter, () => {
    for (const open of before.values()) feed.lost(open, now());
    before.clear();
  });
  const { days } = settings.records;
  const prune = (): void => {
    void store.ask("prune", { olderThan: now() - days * day, bytes: settings.store.bytes }).catch(() => {});
  };
  prune();
  const pruner = setInterval(prune, pruneEvery);
  pruner.unref();
  const made = recordsOf(recorder, store, now);
  feed.node("up", now());
  return {
    observer,
    heard,
    records: made,
    eventLog,
    events: { wake: (type, data) => guarded(() => feed.wake(type, data, now())) },
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
      stopLost();
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

/** All of them hear every frame. A fault of one costs a row or an event, and no request. */
function guardedObserver(
  observers: readonly Partial<FrameObserver>[],
  fault: (where: string, error: unknown) => void,
): FrameObserver {
  const heard =
    <K extends keyof FrameObserver>(name: K) =>
    (...frame: Parameters<Required<FrameObserver>[K]>): void => {
      for (const observer of observers)
        try {
          (observer[name] as ((...of: typeof frame) => void) | undefined)?.apply(observer, frame);
        } catch (error) {
          fault("records", error);
        }
    };
  return {
    request: heard("request"),
    outcome: heard("outcome"),
    reply: heard("reply"),
    push: heard("push"),
    gatewayMessages: heard("gatewayMessages"),
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

function recordsOf(recorder: Recorder, store: Store, now: () => number): Records {
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
      const count = await store.ask("erase", user);
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
