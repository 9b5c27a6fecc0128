import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { Api } from "../../application/api.ts";
import type { Console } from "./console.ts";

/** How long after an answer the next one is asked for: what happens is shown within a second. ms */
export const liveEvery = 700;

/** What the server answered last. */
export interface Polled<T> {
  /** Undefined until it has answered, and after it refused. */
  readonly value: T | undefined;
  /** Why it refused. */
  readonly problem: string | undefined;
}

/**
 * Asks the server again and again while the page is visible: `every` ms after each answer, and at once on a pulse. `what` names what is
 * asked for: when it changes, the old answer is dropped.
 */
export function usePolled<T>(
  owner: Console,
  what: string,
  load: (api: Api, signal: AbortSignal) => Promise<T>,
  every = liveEvery,
): Polled<T> {
  const answer = useSignal<Polled<T> & { readonly what?: string }>({ value: undefined, problem: undefined });
  const { api } = owner;
  useEffect(() => {
    if (api === undefined) return;
    const leaving = new AbortController();
    const { signal } = leaving;
    void (async () => {
      while (!signal.aborted) {
        const pulse = owner.pulse.peek();
        await load(api, signal).then(
          (value) => {
            if (signal.aborted) return;
            owner.answered();
            answer.value = { what, value, problem: undefined };
          },
          (error) => {
            if (signal.aborted) return;
            const problem = owner.failed(error);
            // What was seen last stays while the server is away.
            if (owner.trouble.peek() === undefined) answer.value = { what, value: undefined, problem };
          },
        );
        await pause(owner, pulse, every, signal);
      }
    })();
    return () => leaving.abort();
  }, [api, what, every]);
  return answer.value.what === what ? answer.value : { value: undefined, problem: undefined };
}

/** Resolves after so many ms, on a pulse, or when it is left; in a hidden page not before it is visible. */
async function pause(owner: Console, pulse: number, ms: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(done, ms);
    const stop = owner.pulse.subscribe((value) => {
      if (value !== pulse) setTimeout(done);
    });
    signal.addEventListener("abort", done, { once: true });
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      stop();
      resolve();
    }
  });
  while (document.hidden && !signal.aborted)
    await new Promise<void>((resolve) => {
      document.addEventListener("visibilitychange", () => resolve(), { once: true });
      signal.addEventListener("abort", () => resolve(), { once: true });
    });
}
