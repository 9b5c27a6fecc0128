import { every } from "../../net/clock.ts";
import { thisWorker } from "../../net/worker.ts";
import { startTurn, type TurnServer } from "../server.ts";
import type { FromWorker, ToWorker } from "./fleet.ts";
import type { TurnOptions } from "./options.ts";

/** How often the numbers are reported to the thread that started this one. ms */
const reportInterval = 500;

let turn: TurnServer | undefined;
const { data, post } = thisWorker((message) => void obey(message as ToWorker));
const tell = (message: FromWorker): void => post(message);

try {
  turn = await startTurn({ ...(data as TurnOptions), log: (event) => tell({ type: "log", event }) });
  const { ports, stats } = turn;
  tell({ type: "started", ports, report: stats() });
  every(reportInterval, () => tell({ type: "report", report: stats() }));
} catch (error) {
  tell({ type: "failed", reason: (error as Error).message });
}

async function obey(message: ToWorker): Promise<void> {
  if (turn === undefined) return;
  if (message.type === "revoke") turn.revoke(message.user, message.ago);
  else if (message.type === "certificate") turn.useCertificate(message.pair);
  else if (message.type === "test") tell({ type: "tested", result: await turn.selfTest() });
  else {
    await turn.stop();
    tell({ type: "stopped" });
  }
}
