import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { Link } from "./state.ts";
import { clock } from "./words.ts";

/** The current time in ms, updated every second. */
function useNow(): number {
  const now = useSignal(Date.now());
  useEffect(() => {
    const timer = setInterval(() => {
      now.value = Date.now();
    }, 1000);
    return () => clearInterval(timer);
  }, []);
  return now.value;
}

/** When the page tries to reach the server again. */
export function Countdown({ link }: { link: Link }) {
  const now = useNow();
  if (link.up || link.again === undefined) return <span>Trying again.</span>;
  const seconds = Math.ceil((link.again - now) / 1000);
  return <span>{seconds > 0 ? `Again in ${seconds} s.` : "Trying now…"}</span>;
}

/** How long a call has lasted. */
export function Clock({ since }: { since: number }) {
  return (
    <time class="clock" role="timer" aria-live="off">
      {clock(useNow() - since)}
    </time>
  );
}

/** Whole seconds since a moment. */
export function Seconds({ since }: { since: number }) {
  return <span>{Math.max(0, Math.floor((useNow() - since) / 1000))} s</span>;
}
