/** Unix time in ms. */
export const now: () => number = Date.now;

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

/** Resolves once the condition holds, or at the deadline (Unix ms). Checks every `interval` ms. */
export async function until(condition: () => boolean, deadline: number, interval: number): Promise<void> {
  while (!condition() && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, interval));
}
