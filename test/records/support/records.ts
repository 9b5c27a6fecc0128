import type { Finding } from "../../../src/records/diagnosis/finding.ts";
import type { CallRecord } from "../../../src/records/record.ts";
import { api } from "../../api/support.ts";

/** A record as the API tells it. */
export interface Told {
  readonly record: CallRecord;
  readonly diagnosis: readonly Finding[];
}

/** The record of a session that is over; waits for it. `url`: where the API is. */
async function recordOf(url: string, session: string, key?: string): Promise<Told> {
  return await eventually(`the record of ${session}`, async () => {
    const { status, body } = await api({ url }, key)("GET", `/records/${session}`);
    if (status !== 200 || (body.state !== "ended" && body.state !== "refused")) return undefined;
    const { diagnosis, ...record } = body;
    return { record, diagnosis };
  });
}

/** The newest record that names the user; waits for it. `key`: of the API, outside of development mode. */
export async function newestOf(url: string, user: string, key?: string): Promise<Told> {
  const session = await eventually(`a record of ${user}`, async () => {
    const { body } = await api({ url }, key)("GET", `/records?user=${user}`);
    return body.items?.[0]?.session as string | undefined;
  });
  return await recordOf(url, session, key);
}

async function eventually<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  for (const end = Date.now() + 30_000; Date.now() < end; await new Promise((go) => setTimeout(go, 20))) {
    const found = await look();
    if (found !== undefined) return found;
  }
  throw new Error(`waited 30 s for ${what}`);
}
