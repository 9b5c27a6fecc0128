import type { GatewayPort } from "../../signaling/gateway-port.ts";
import type { CallWords } from "./call-words.ts";
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
  readonly words: CallWords;
  readonly clock: Clock;
  readonly transactions: Transactions;
  readonly settings: SipSettings;
  /** An unguessable token of this many random bytes. */
  random(bytes: number): string;
  /** The time, as in a Date header. */
  date(now: number): string;
  /** A number from 0 to 1. */
  jitter(): number;
}

/** The methods that are supported. */
const methods =
  "INVITE, ACK, CANCEL, BYE, UPDATE, INFO, OPTIONS, MESSAGE, SUBSCRIBE, NOTIFY, PRACK, REGISTER";

export const allow: HeaderEntry = ["Allow", methods];

/** The INFO packages that are supported (RFC 6086 §5.2.1). */
export const recvInfo: HeaderEntry = ["Recv-Info", "trickle-ice"];

/** The abilities that each end of a dialog tells the other. Candidates by INFO need the same of both (RFC 8840 §5). */
export const abilities: readonly HeaderEntry[] = [allow, ["Supported", "timer, trickle-ice"], recvInfo];

/** The Via for a request, with a new branch. */
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

/** Our Contact in a dialog. Clients use the connection that they have, whatever this says. */
export function ownContact(flow: Flow, user: string): HeaderEntry {
  const address = flow.port === undefined ? flow.host : `${flow.host}:${flow.port}`;
  const transport = flow.transport === "TCP" || flow.transport === "TLS" ? "tcp" : "ws";
  return ["Contact", `<sip:${user}@${address};transport=${transport}>`];
}

/** The address of a user, as the phone that gets it would write it. */
export function addressOfRecord(user: string, domain: string): SipUri {
  return makeSipUri(user, domain);
}
