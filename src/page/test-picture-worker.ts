/**
 * Ticks. A file of its own because a hidden tab's timers come once a second at best, and one of two tabs is always
 * hidden; a worker's come on time.
 */
let timer: ReturnType<typeof setInterval> | undefined;

addEventListener("message", (event: MessageEvent<number>) => {
  clearInterval(timer);
  if (event.data > 0) timer = setInterval(() => postMessage(0), event.data);
});

export {};
