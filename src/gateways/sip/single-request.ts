import type { Flow } from "./flow.ts";
import { type Content, makeRequest } from "./message.ts";
import { type NameAddress, nameAddress, withTag } from "./name-address.ts";
import type { Phone } from "./phone.ts";
import { addressOfRecord, newVia, type SipContext } from "./sip-context.ts";

/** A request to a phone outside of a dialog. */
export interface Single {
  readonly method: "MESSAGE" | "OPTIONS";
  /** Default: the phone's own address. */
  readonly from?: NameAddress;
  readonly body?: Content;
  /** No response came. */
  unanswered?(): void;
}

/** Sends a phone a request outside of a dialog, on the connection `flow`. */
export function sendSingle(agent: SipContext, phone: Phone, flow: Flow, single: Single, now: number): void {
  const to = nameAddress(addressOfRecord(phone.user, phone.domain));
  const { method, from = to, body } = single;
  const request = makeRequest({
    method,
    uri: phone.contact,
    via: newVia(agent, flow),
    from: withTag(from, agent.random(9)),
    to,
    callId: agent.random(18),
    sequence: 1,
    ...(body === undefined ? {} : { body }),
  });
  const failed = (why: "timeout" | "transport"): void => {
    if (why === "timeout") single.unanswered?.();
  };
  agent.transactions.send(request, flow, { response: () => {}, failed }, now);
}
