import { parentPort, Worker, workerData } from "node:worker_threads";

/** A thread that runs one of our modules. Messages are structured clones. */
export interface WorkerThread {
  post(message: unknown): void;
  /** Ends the thread at once. */
  end(): Promise<void>;
}

/** Starts a thread. `ended` is called once, with the reason, if it ends by itself. */
export function startWorker(
  module: URL,
  data: unknown,
  received: (message: unknown) => void,
  ended: (reason: Error) => void,
): WorkerThread {
  const worker = new Worker(module, { workerData: data });
  let over = false;
  const stop = (reason: Error): void => {
    if (!over) ended(reason);
    over = true;
  };
  worker.on("message", received);
  worker.on("error", (error) => stop(error instanceof Error ? error : new Error(String(error))));
  worker.on("exit", (code) => stop(new Error(`a worker ended with code ${code}`)));
  return {
    post: (message) => worker.postMessage(message),
    end: async () => {
      over = true;
      await worker.terminate();
    },
  };
}

/** In a thread: the data that it was started with, and how to send messages to the thread that started it. */
export function thisWorker(received: (message: unknown) => void): {
  readonly data: unknown;
  post(message: unknown): void;
} {
  const port = parentPort;
  if (port === null) throw new Error("this module runs in a worker only");
  port.on("message", received);
  return { data: workerData, post: (message) => port.postMessage(message) };
}
