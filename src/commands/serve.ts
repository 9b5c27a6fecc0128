import { refuseWithoutKeys } from "../auth/settings.ts";
import type { LoadedSettings } from "../config/load.ts";
import { runtime } from "../net/listen.ts";
import { packageVersion } from "../package-info.ts";
import { startSwitchboard } from "../server/listen.ts";
import { createLog } from "../telemetry/log.ts";
import { endSignals, runWorkers, type WorkerReady } from "./workers.ts";

/** Runs the server until a signal ends it. Resolves with the exit code; a wrong setting is one line on stderr. */
export async function serve(settings: LoadedSettings): Promise<number> {
  const { url, ask } = settings.hooks;
  const useless = url !== "" && ask.includes("authenticate") ? undefined : refuseWithoutKeys(settings);
  if (useless !== undefined) {
    console.error(`switchboard: ${useless}`);
    return 2;
  }
  if (settings.workers > 1) return await runWorkers(settings);
  const log = createLog(settings.log);
  let server: Awaited<ReturnType<typeof startSwitchboard>>;
  try {
    server = await startSwitchboard(settings, log);
  } catch (error) {
    console.error(`switchboard: ${(error as Error).message}`);
    return 2;
  }
  // Before anybody is told that the server is there.
  const asked = new Promise<string>((resolve) => {
    for (const name of endSignals) process.once(name, () => resolve(name));
    // A process with an IPC channel does not outlive its parent: a worker, or the server of `npm start`.
    process.once("disconnect", () => resolve("disconnect"));
    void server.drainRequested.then(() => resolve("POST /admin/drain"));
  });
  const address = settings.dev ? server.url.replace("127.0.0.1", "localhost") : server.url;
  const hint = settings.dev ? " (development mode: for this machine only)" : "";
  log.info({ version: packageVersion, runtime, url: server.url }, `Switchboard is at ${address}${hint}`);
  process.send?.({ shared: server.workerSettings } satisfies WorkerReady);
  const signal = await asked;
  // Whoever asks a second time does not want to wait.
  for (const name of endSignals) process.once(name, () => process.exit(1));
  log.info({ signal, within: settings.drain }, "draining");
  await server.drain();
  await server.stop();
  log.info("stopped");
  return 0;
}
