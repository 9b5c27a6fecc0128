/**
 * Ticks for the test picture. A worker, because its timers come on time: those of a hidden tab come once a second at best, and
 * of two tabs one is always hidden.
 */
let timer: ReturnType<typeof setInterval> | undefined;

addEventListener("message", (event: MessageEvent<number>) => {
  clearInterval(timer);
  if (event.data > 0) timer = setInterval(() => postMessage(0), event.data);
});

export {};
