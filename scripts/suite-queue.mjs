// The order in which `npm test` runs its suites: a queue by weight, for as many workers as a machine has cores at least.

/** How many suites run at a time. */
const workers = 2;

/**
 * Runs all suites, the longest first, and resolves when the last one has ended. `run` runs one; it must not reject.
 *
 * A suite has a `name`, the `seconds` that it takes, and may have:
 * - `alone`: nothing runs beside it. Such suites run first.
 * - `computes`: it keeps a core busy from beginning to end.
 * - `calm`: it plays media in real time, and so does not run beside one that computes.
 */
export function runQueue(suites, run) {
  const waiting = [...suites];
  const running = new Set();
  return new Promise((resolve) => {
    const fill = () => {
      for (let suite = next(waiting, running); suite !== undefined; suite = next(waiting, running)) {
        const one = suite;
        waiting.splice(waiting.indexOf(one), 1);
        running.add(one);
        run(one).then(() => {
          running.delete(one);
          fill();
        });
      }
      if (running.size === 0) resolve();
    };
    fill();
  });
}

/** Which of the waiting suites begins now, beside those that run; undefined when none may. */
export function next(waiting, running) {
  if (running.size >= workers) return undefined;
  const able = waiting.filter((suite) => [...running].every((other) => mayRunBeside(suite, other)));
  const order = (one, other) =>
    Number(other.alone ?? false) - Number(one.alone ?? false) || other.seconds - one.seconds;
  return able.sort(order)[0];
}

function mayRunBeside(one, other) {
  if (one.alone || other.alone) return false;
  return !(one.calm && other.computes) && !(one.computes && other.calm);
}
