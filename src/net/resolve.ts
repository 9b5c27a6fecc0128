import { lookup } from "node:dns/promises";
import { isIP } from "node:net";

/** The first numeric address of a name, of one family where that is asked for; a numeric address is its own. Rejects where there is none. */
export async function resolveHost(host: string, family: 0 | 4 | 6 = 0): Promise<string> {
  if (isIP(host) !== 0 && (family === 0 || isIP(host) === family)) return host;
  return (await lookup(host, { family })).address;
}
