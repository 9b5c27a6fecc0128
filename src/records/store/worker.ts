import { thisWorker } from "../../net/worker.ts";
import type { Question, Questions, Write } from "../store.ts";
import { SqliteTables } from "./sqlite-tables.ts";

/** What the thread of a store is told. */
export type ToStore =
  | { readonly type: "write"; readonly batch: number; readonly writes: readonly Write[] }
  | { readonly type: "ask"; readonly id: number; readonly question: Question; readonly argument: unknown }
  | { readonly type: "stop" };

/** What it says. */
export type FromStore =
  | { readonly type: "opened" }
  | { readonly type: "failed"; readonly reason: string }
  | { readonly type: "damaged"; readonly reason: string }
  | { readonly type: "written"; readonly batch: number; readonly failure?: string }
  | { readonly type: "answer"; readonly id: number; readonly answer?: unknown; readonly failure?: string }
  | { readonly type: "stopped" };

/** The thread of a store: SQLite blocks, and nobody else waits for it. */
const early: ToStore[] = [];
let tables: SqliteTables | undefined;
const { data, post } = thisWorker((message) => {
  if (tables === undefined) early.push(message as ToStore);
  else obey(message as ToStore, tables);
});
const tell = (message: FromStore): void => post(message);

try {
  const { path } = data as { readonly path: string };
  tables = await SqliteTables.open(path, (reason) => tell({ type: "damaged", reason }));
  tell({ type: "opened" });
  for (const message of early.splice(0)) obey(message, tables);
} catch (error) {
  tell({ type: "failed", reason: (error as Error).message });
}

function obey(message: ToStore, of: SqliteTables): void {
  if (message.type === "write") {
    const failure = attempt(() => of.apply(message.writes));
    tell({ type: "written", batch: message.batch, ...("failure" in failure && failure) });
  } else if (message.type === "ask") {
    const asked = of[message.question].bind(of) as (argument: unknown) => ReturnType<Questions[Question]>;
    tell({ type: "answer", id: message.id, ...attempt(() => asked(message.argument)) });
  } else {
    attempt(() => of.close());
    tell({ type: "stopped" });
  }
}

function attempt<Answer>(task: () => Answer): { readonly answer: Answer } | { readonly failure: string } {
  try {
    return { answer: task() };
  } catch (error) {
    return { failure: (error as Error).message };
  }
}
