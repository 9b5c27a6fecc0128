import type { Context } from "../check.ts";
import type { Client, Frame } from "../client.ts";

/** Two users in a call, as many checks begin. */
export interface Established {
  readonly caller: Client;
  readonly callee: Client;
  readonly session: string;
  readonly alice: string;
  readonly bob: string;
  readonly callerInstance: string;
  readonly calleeInstance: string;
  readonly callerTicket: string;
  readonly calleeTicket: string;
}

export const candidate = (n: number): Frame => ({
  candidate: `candidate:${n} 1 udp 2113937151 192.0.2.${n} 50000 typ host`,
  sdpMid: "0",
  sdpMLineIndex: 0,
});

export const sdp = (mark: string): string => `v=0\r\no=- ${mark} 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n`;

/** Rings bob's device and leaves it ringing. */
export async function ring(t: Context, call: Frame = {}): Promise<Established> {
  const [alice, bob] = [t.user("alice"), t.user("bob")];
  const [callerInstance, calleeInstance] = [t.instance(), t.instance()];
  const callee = await t.connect(bob, "phone", { instance: calleeInstance });
  const caller = await t.connect(alice, "web", { instance: callerInstance });
  const { session, ticket: callerTicket } = await caller.ok("call", { to: bob, ...call });
  const incoming = await callee.push("incoming", { session });
  return {
    caller,
    callee,
    session,
    alice,
    bob,
    callerInstance,
    calleeInstance,
    callerTicket,
    calleeTicket: incoming.ticket,
  };
}

/** Accepts and confirms; resolves to what the callee's accept was replied. */
export async function answer(
  caller: Client,
  callee: Client,
  session: string,
  device: string,
): Promise<Frame> {
  const accept = callee.fire("accept", { session });
  await caller.push("accepted", { session, device });
  await caller.ok("confirm", { session, device });
  const reply = await callee.reply(accept);
  if (reply.ok === undefined) throw new Error(`accept was answered ${JSON.stringify(reply.error)}`);
  return reply.ok;
}

/** A call that is up. */
export async function establish(t: Context): Promise<Established> {
  const call = await ring(t);
  await answer(call.caller, call.callee, call.session, "phone");
  return call;
}
