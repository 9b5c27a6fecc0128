import { interfaceAddresses } from "../../net/interfaces.ts";
import { resolveHost } from "../../net/resolve.ts";
import { bindUdp } from "../../net/udp.ts";
import type { UdpSocket } from "../../net/udp-socket.ts";
import { formatAddress } from "../../shared/ip-address.ts";
import { type Family, family, familyOf } from "../../wire/stun/transport-address.ts";
import { parseIceUrl } from "../ice-url.ts";
import { defaultRelayPorts, type TurnOptions } from "./options.ts";
import { relayAddresses } from "./public-address.ts";
import { TurnClient } from "./turn-client.ts";

/** How the world sees what is sent from one of our relay ports, by one STUN server's word. */
export interface SeenAddress {
  readonly family: Family;
  readonly server: string;
  readonly address: string;
  /** False: NAT on the way changes port numbers, so that nobody would find a relay. */
  readonly samePort: boolean;
}

/** What can be asked; `failures` has a line for each server that gave no answer. */
export interface Discovery {
  readonly seen: readonly SeenAddress[];
  readonly failures: readonly string[];
}

/** Ports of the relays' range that are tried, before any will do. */
const tries = 8;

/**
 * Asks STUN servers (`stun:` URLs, one after the other until one answers) for the address of each family that relays will be bound
 * to. Takes about two seconds for a server that doesn't answer. Rejects with a RangeError where the options name no
 * usable addresses.
 */
export async function discoverAddresses(
  options: TurnOptions,
  servers: readonly string[],
): Promise<Discovery> {
  const bound = relayAddresses(options, interfaceAddresses());
  const seen: SeenAddress[] = [];
  const failures: string[] = [];
  await Promise.all(
    [family.ipv4, family.ipv6].map(async (one) => {
      const relay = bound[one];
      if (relay === undefined) return;
      const failed: string[] = [];
      for (const server of servers)
        try {
          seen.push(await ask(server, one, relay.bind, options.relayPorts ?? defaultRelayPorts));
          return;
        } catch (error) {
          failed.push(`${server}, IPv${one === family.ipv4 ? 4 : 6}: ${(error as Error).message}`);
        }
      failures.push(...failed);
    }),
  );
  return { seen, failures };
}

async function ask(
  server: string,
  wanted: Family,
  bind: string,
  ports: readonly [number, number],
): Promise<SeenAddress> {
  const url = parseIceUrl(server);
  if (url?.scheme !== "stun" || url.transport !== "udp") throw new Error("is no stun: URL");
  const host = await resolveHost(url.host, wanted === family.ipv4 ? 4 : 6);
  const socket = await bindOneOf(bind, ports, (bytes) => client.receive(bytes));
  const client = new TurnClient((bytes) => void socket.send(bytes, url.port, host), "", "");
  try {
    const { address, port } = await client.binding();
    if (familyOf(address) !== wanted) throw new Error("answered with an address of the other family");
    return { family: wanted, server, address: formatAddress(address), samePort: port === socket.port };
  } finally {
    socket.close();
  }
}

/** A port of the relays, since NAT may forward those alone; another one where they are taken. */
async function bindOneOf(
  address: string,
  [first, last]: readonly [number, number],
  receive: (bytes: Uint8Array) => void,
): Promise<UdpSocket> {
  for (let port = first; port <= Math.min(last, first + tries); port++)
    try {
      return await bindUdp({ address, port, receive });
    } catch {
      // Somebody else's.
    }
  return await bindUdp({ address, port: 0, receive });
}
