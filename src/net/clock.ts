/** Unix time in ms. */
export const now: () => number = Date.now;

/** Runs `task` every `interval` ms until the returned function is called. Keeps no process alive. */
export function every(interval: number, task: () => void): () => void {
  const timer = setInterval(task, interval);
  timer.unref();
  return () => clearInterval(timer);
}

/** Runs `task` once, after `delay` ms, unless the returned function is called before. Keeps no process alive. */
export function after(delay: number, task: () => void): () => void {
  const timer = setTimeout(task, delay);
  timer.unref();
  return () => clearTimeout(timer);
}
