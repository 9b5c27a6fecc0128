import { lookup } from "node:dns/promises";
import { isIP } from "node:net";

/** The first address of a name, of the given family if any. A numeric address is returned as it is. Rejects when there is none. */
export async function resolveHost(host: string, family: 0 | 4 | 6 = 0): Promise<string> {
  if (isIP(host) !== 0 && (family === 0 || isIP(host) === family)) return host;
  return (await lookup(host, { family })).address;
}
