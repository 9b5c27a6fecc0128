import type { FromWorker, ToWorker } from "../control.ts";
import { MediaHost } from "./media-host.ts";

// A media worker: a process of its own, always on Bun. It lives as long as the channel to the server that started it.
const tell = (message: FromWorker): void => {
  if (process.connected) process.send?.(message);
};
let host: MediaHost | undefined;

process.on("message", (message) => void obey(message as ToWorker));
process.on("disconnect", () => process.exit(0));
// The terminal's Ctrl-C reaches the whole group; the server says when to stop.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {});

async function obey(message: ToWorker): Promise<void> {
  if (message.type === "start")
    try {
      host = await MediaHost.start(message.options, tell);
    } catch (error) {
      tell({ type: "failed", reason: (error as Error).message });
    }
  else if (message.type === "stop") {
    await host?.stop();
    process.exit(0);
  } else host?.obey(message);
}
