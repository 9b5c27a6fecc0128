import { startWorker } from "../../net/worker.ts";
import type { Question, Store, Write } from "../store.ts";
import type { FromStore, ToStore } from "./worker.ts";

/** What a store says of itself. */
export interface StoreReports {
  /** Writes were lost, for that reason. Called for each batch. */
  lost(reason: string, count: number): void;
  /** The file was damaged and put aside. */
  damaged(reason: string): void;
}

/** Writes that wait for the thread. Beyond, they are lost: a slow disk must not take the server's memory. */
const mostWaiting = 20_000;
/** Writes of one transaction. */
const batchSize = 2_000;
/** How long the start of the thread may take. ms */
const patience = 20_000;

const module = new URL(import.meta.url.endsWith(".ts") ? "./worker.ts" : "./worker.js", import.meta.url);

interface Waiting {
  readonly writes: readonly Write[];
  readonly done: (taken: boolean) => void;
}

/**
 * A store in a file, in a thread of its own. Writes are put together while the thread writes those before them, so that each waits for one
 * transaction at most, and an idle store writes at once. Rejects with an Error of one line where the file can't be opened.
 */
export async function startSqliteStore(path: string, reports: StoreReports): Promise<Store> {
  let queue: Waiting[] = [];
  let queued = 0;
  let lost = 0;
  let busy: { readonly batch: number; readonly waiting: readonly Waiting[] } | undefined;
  let batches = 0;
  let ended: string | undefined;
  const asked = new Map<number, { resolve(answer: unknown): void; reject(error: Error): void }>();
  let questions = 0;
  let opened: (failure?: string) => void = () => {};
  let stopped: () => void = () => {};

  const settle = (waiting: readonly Waiting[], failure: string | undefined): void => {
    const count = waiting.reduce((sum, { writes }) => sum + writes.length, 0);
    if (failure !== undefined) {
      lost += count;
      reports.lost(failure, count);
    }
    for (const { done } of waiting) done(failure === undefined);
  };
  const next = (): void => {
    if (busy !== undefined || queue.length === 0 || ended !== undefined) return;
    const waiting: Waiting[] = [];
    let count = 0;
    for (const one of queue) {
      if (count > 0 && count + one.writes.length > batchSize) break;
      waiting.push(one);
      count += one.writes.length;
    }
    queue = queue.slice(waiting.length);
    queued -= count;
    batches += 1;
    busy = { batch: batches, waiting };
    post({ type: "write", batch: batches, writes: waiting.flatMap(({ writes }) => writes) });
  };
  const heard = (message: FromStore): void => {
    switch (message.type) {
      case "opened":
        opened();
        break;
      case "failed":
        opened(message.reason);
        break;
      case "damaged":
        reports.damaged(message.reason);
        break;
      case "written": {
        const { waiting = [] } = busy ?? {};
        busy = undefined;
        settle(waiting, message.failure);
        next();
        break;
      }
      case "answer": {
        const waiting = asked.get(message.id);
        asked.delete(message.id);
        if (message.failure === undefined) waiting?.resolve(message.answer);
        else waiting?.reject(new Error(message.failure));
        break;
      }
      case "stopped":
        stopped();
        break;
    }
  };
  const over = (reason: string): void => {
    ended = reason;
    settle([...(busy?.waiting ?? []), ...queue], reason);
    busy = undefined;
    queue = [];
    queued = 0;
    for (const { reject } of asked.values()) reject(new Error(reason));
    asked.clear();
    opened(reason);
    stopped();
  };
  const worker = startWorker(
    module,
    { path },
    (message) => heard(message as FromStore),
    (error) => over(`the store's thread ended: ${error.message}`),
  );
  const post = (message: ToStore): void => worker.post(message);

  const failure = await new Promise<string | undefined>((resolve) => {
    const timer = setTimeout(() => resolve("it does not open"), patience);
    opened = (reason) => {
      clearTimeout(timer);
      resolve(reason);
    };
  });
  if (failure !== undefined) {
    await worker.end();
    throw new Error(failure);
  }
  return {
    write: (...writes) => {
      if (ended !== undefined || queued + writes.length > mostWaiting) {
        lost += writes.length;
        reports.lost(ended ?? "the store is too slow, and its queue is full", writes.length);
        return Promise.resolve(false);
      }
      return new Promise<boolean>((done) => {
        queue.push({ writes, done });
        queued += writes.length;
        next();
      });
    },
    ask: <Q extends Question>(question: Q, argument: unknown) => {
      if (ended !== undefined) return Promise.reject(new Error(ended));
      return new Promise((resolve, reject) => {
        questions += 1;
        asked.set(questions, { resolve: (answer) => resolve(answer as never), reject });
        post({ type: "ask", id: questions, question, argument });
      });
    },
    get counts() {
      return { lost, waiting: queued };
    },
    stop: async () => {
      while (ended === undefined && (busy !== undefined || queue.length > 0))
        await new Promise((resolve) => setTimeout(resolve, 5));
      const done = new Promise<void>((resolve) => {
        stopped = resolve;
      });
      if (ended === undefined) {
        post({ type: "stop" });
        await done;
      }
      await worker.end();
    },
  };
}
