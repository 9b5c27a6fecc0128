import type { Store } from "../store.ts";
import { MemoryTables } from "./memory-tables.ts";

/** A store in memory: it ends with the process. */
export function memoryStore(): Store {
  const tables = new MemoryTables();
  let lost = 0;
  return {
    write: async (...writes) => {
      let taken = true;
      for (const write of writes)
        if (!tables.apply(write)) {
          lost += 1;
          taken = false;
        }
      return taken;
    },
    ask: async (question, argument) =>
      (tables[question] as (argument: unknown) => never).call(tables, argument),
    get counts() {
      return { lost, waiting: 0 };
    },
    stop: async () => {},
  };
}

/** True where this runtime has SQLite. */
export async function hasSqlite(): Promise<boolean> {
  try {
    await import("node:sqlite");
    return true;
  } catch {
    return false;
  }
}
