import { answer, bare, offer, SimSip } from "./sim-phone.ts";

/** A candidate of a native device. */
export const candidate = { candidate: "candidate:7 1 udp 9 198.51.100.7 6000 typ host", sdpMid: "0" };

/** A phone calls a native device, which has accepted and not yet described itself. */
export function phoneIsAccepted(
  world = new SimSip(),
  headers: readonly string[] = [],
  capabilities: object = {},
) {
  const alice = world.phone("alice");
  if (alice.register()?.status !== 200) throw new Error("the phone could not register");
  const bob = world.sim.client("bob", "laptop", { capabilities }).connect();
  alice.call("bob", { headers });
  const { session } = bob.last("incoming");
  bob.ask("accept", { session });
  world.pass(0);
  return { world, alice, bob, session: session as string };
}

/** A phone and a native device in a call that the phone started. */
export function phoneCalls(world = new SimSip(), capabilities: object = {}) {
  const headers = ["Supported: timer", "Allow: INVITE,ACK,BYE,UPDATE"];
  const { alice, bob, session } = phoneIsAccepted(world, headers, capabilities);
  bob.ask("signal", {
    session,
    pair: 1,
    generation: 1,
    description: { type: "answer", sdp: bare(answer()) },
    candidates: [candidate],
    endOfCandidates: true,
  });
  world.pass(0);
  return { world, alice, bob, session };
}

/** A native device and a phone in a call that the device started. */
export function phoneIsCalled(world = new SimSip(), candidates: readonly object[] = [candidate]) {
  const bob = world.phone("bob");
  bob.register();
  const alice = world.sim.client("alice", "laptop").connect();
  const { session } = alice.ask("call", { to: "bob" }).ok;
  world.pass(0);
  const description = { type: "offer", sdp: bare(offer("native")) };
  alice.ask("signal", {
    session,
    pair: 1,
    generation: 1,
    description,
    candidates,
    endOfCandidates: true,
  });
  world.pass(0);
  return { world, alice, bob, session: session as string };
}

/** The phone answers, and the device confirms. */
export function taken(call: ReturnType<typeof phoneIsCalled>): void {
  const { world, alice, bob, session } = call;
  bob.respond(bob.request("INVITE"), 200, {
    body: answer("phone"),
    headers: ["Allow: INVITE,ACK,BYE,UPDATE"],
  });
  world.pass(0);
  alice.ask("confirm", { session, device: alice.last("accepted").device });
  world.pass(0);
}
