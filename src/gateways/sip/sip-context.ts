import type { GatewayPort } from "../../signaling/gateway-port.ts";
import type { Clock } from "./clock.ts";
import type { Flow } from "./flow.ts";
import type { HeaderEntry } from "./message.ts";
import type { SipSettings } from "./settings.ts";
import type { Transactions } from "./transactions.ts";
import { makeSipUri, type SipUri } from "./uri.ts";
import { branchCookie, type Via } from "./via.ts";

/** What calls and registrations share. */
export interface SipContext {
  readonly core: GatewayPort;
  readonly clock: Clock;
  readonly transactions: Transactions;
  readonly settings: SipSettings;
  /** An unguessable token of this many random bytes. */
  random(bytes: number): string;
  /** The time as a Date header says it. */
  date(now: number): string;
  /** A number from 0 to 1. */
  jitter(): number;
}

/** The methods that we know. */
const methods =
  "INVITE, ACK, CANCEL, BYE, UPDATE, INFO, OPTIONS, MESSAGE, SUBSCRIBE, NOTIFY, PRACK, REGISTER";

export const allow: HeaderEntry = ["Allow", methods];

/** What INFO may be about (RFC 6086 §5.2.1). */
export const recvInfo: HeaderEntry = ["Recv-Info", "trickle-ice"];

/** What each end of a dialog tells the other that it can do; candidates by INFO only to who says the same (RFC 8840 §5). */
export const abilities: readonly HeaderEntry[] = [allow, ["Supported", "timer, trickle-ice"], recvInfo];

/** The Via of a request of ours, with a branch of its own. */
export function newVia(agent: SipContext, flow: Flow): Via {
  const branch = `${branchCookie}${agent.random(12)}`;
  return {
    transport: flow.transport,
    host: flow.host,
    port: flow.port,
    parameters: new Map([["branch", branch]]),
    branch,
  };
}

/** Where a client reaches us inside of a dialog: by the connection that it has, whatever this says. */
export function ownContact(flow: Flow, user: string): HeaderEntry {
  const place = flow.port === undefined ? flow.host : `${flow.host}:${flow.port}`;
  const transport = flow.transport === "TCP" || flow.transport === "TLS" ? "tcp" : "ws";
  return ["Contact", `<sip:${user}@${place};transport=${transport}>`];
}

/** The address of a user, as the phone that is told of it would write it. */
export function addressOfRecord(user: string, domain: string): SipUri {
  return makeSipUri(user, domain);
}
