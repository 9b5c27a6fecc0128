/** What the system's clock said when the monotonic one began. */
const origin = Date.now() - performance.now();

/**
 * Unix time in ms as it goes on from the start of the process, whatever is done to the system's clock meanwhile: durations and
 * deadlines are of this clock. It may differ from the system's by {@link wallAhead}.
 */
export function now(): number {
  return Math.floor(origin + performance.now());
}

/**
 * How far the system's clock is ahead of {@link now}, in ms; 0 unless it was set while the process runs. What others date, such as
 * tokens and the names of TURN credentials, has the system's time: subtract this from it.
 */
export function wallAhead(): number {
  const ahead = Date.now() - now();
  // The two are not read at the same moment.
  return Math.abs(ahead) < 100 ? 0 : ahead;
}

/**
 * Runs `task` every `interval` ms until the returned function is called. Does not keep the process alive. `failed` is
 * called with what the task throws; without it, that ends the process.
 */
export function every(interval: number, task: () => void, failed?: (error: unknown) => void): () => void {
  const guarded = (): void => {
    try {
      task();
    } catch (error) {
      failed?.(error);
    }
  };
  const timer = setInterval(failed === undefined ? task : guarded, interval);
  timer.unref();
  return () => clearInterval(timer);
}

/** Runs `task` once, after `delay` ms, unless the returned function is called before. Does not keep the process alive. */
export function after(delay: number, task: () => void): () => void {
  const timer = setTimeout(task, delay);
  timer.unref();
  return () => clearTimeout(timer);
}

/** Runs `task` in the next turn of the event loop, after what has come meanwhile. */
export function nextTurn(task: () => void): void {
  setImmediate(task);
}

/** Resolves once the condition holds, or at the deadline (of {@link now}). Checks every `interval` ms. */
export async function until(condition: () => boolean, deadline: number, interval: number): Promise<void> {
  while (!condition() && now() < deadline) await new Promise((resolve) => setTimeout(resolve, interval));
}
