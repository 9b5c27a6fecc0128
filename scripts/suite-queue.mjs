// The order in which `npm test` runs its suites: a queue by weight, which fills the cores of a small machine.

/** Cores that the suites share: CI has as many. */
const cores = 2;
/** What the running suites may want of them together. Their figures are averages, so a little more than there is. */
const most = cores * 1.1;
/** The same while a suite plays media in real time. */
const mostWhileCalm = cores * 0.9;

/**
 * Runs all suites, the longest first, and resolves when the last one has ended. `run` runs one; it must not reject.
 *
 * A suite has a `name`, the `seconds` that it takes, and may have:
 * - `cores`: how many it keeps busy on average, by default one. A suite that mostly waits says less, so that more run beside it.
 * - `calm`: it plays media in real time, and so runs only where the others leave it room.
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

/** Which of the waiting suites begins now, beside those that run: the longest one that there is room for, if any. */
export function next(waiting, running) {
  const able = waiting.filter((suite) => running.size === 0 || fits([...running, suite]));
  return able.sort((one, other) => other.seconds - one.seconds)[0];
}

function fits(suites) {
  const wanted = suites.reduce((sum, suite) => sum + (suite.cores ?? 1), 0);
  // Without what the addition of fractions adds.
  return wanted <= (suites.some(({ calm }) => calm) ? mostWhileCalm : most) + 1e-9;
}
