import type { PushOf } from "../../protocol/pushes.ts";
import { Call } from "./call.ts";
import { checkedDigit, type Digit } from "./digits.ts";
import { bodyText, contentType, type HeaderEntry, makeResponse } from "./message.ts";
import { nameAddress } from "./name-address.ts";
import type { Phone } from "./phone.ts";
import { refusalOfError } from "./reasons.ts";
import type { ServerTransaction } from "./server-transaction.ts";
import { sendSingle } from "./single-request.ts";
import { addressOfRecord, type SipContext } from "./sip-context.ts";

const messageTypes = ["text/plain", "application/json"];

/** A MESSAGE of a phone (RFC 3428) becomes `send`, of a text or of JSON. `to`: an address of the core. */
export function sendMessage(
  agent: SipContext,
  transaction: ServerTransaction,
  phone: Phone,
  to: string,
  now: number,
): void {
  const { request } = transaction;
  const respond = (status: number, at: number, headers: readonly HeaderEntry[] = []): void =>
    transaction.respond(makeResponse(request, status, { toTag: agent.random(6), headers }), at);
  const type = contentType(request) ?? "";
  const text = bodyText(request);
  if (!messageTypes.includes(type) || text === undefined) {
    respond(415, now, [["Accept", messageTypes.join(", ")]]);
    return;
  }
  const body = type === "application/json" ? parsed(text) : text;
  if (body === undefined) {
    respond(400, now);
    return;
  }
  phone.ask("send", { to, body }, now, (outcome, later) =>
    respond("error" in outcome ? refusalOfError(outcome.error).status : 200, later),
  );
}

/** Delivers a message to a phone: as a MESSAGE, or, for a key that was pressed in a call, as an INFO. */
export function deliverMessage(
  agent: SipContext,
  phone: Phone,
  { from, body }: Omit<PushOf<"message">, "seq">,
  now: number,
): void {
  const { flow } = phone;
  const key = digitOf(body);
  if (key !== undefined) {
    const call = phone.calls.get(key.session);
    if (call instanceof Call) call.sendDigit(from, key, now);
    return;
  }
  if (flow === undefined) return;
  const content =
    typeof body === "string"
      ? { type: "text/plain", content: body }
      : { type: "application/json", content: JSON.stringify(body) };
  const sender = nameAddress(addressOfRecord(from.user, phone.domain), {}, from.name);
  sendSingle(agent, phone, flow, { method: "MESSAGE", from: sender, body: content }, now);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The key in a message between the devices of a call, if it is one. */
function digitOf(body: unknown): (Digit & { readonly session: string }) | undefined {
  if (typeof body !== "object" || body === null) return undefined;
  const { digit, duration, session } = body as Record<string, unknown>;
  if (typeof digit !== "string" || typeof session !== "string") return undefined;
  const key = checkedDigit(digit, duration);
  return key && { ...key, session };
}
