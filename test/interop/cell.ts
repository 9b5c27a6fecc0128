import type { Ask } from "../api/support.ts";
import type { Client } from "./client.ts";
import { answered, contentFlows, type End, eventually, rung, silent } from "./end.ts";

/** One client in a run, and an end of it. */
export interface Party {
  readonly client: Client;
  readonly end: End;
}

/** What clients said in a run, by client and by what happened: `JsSIP`, `declined`, `Rejected`. */
export type Heard = (client: Client, happened: string, words: string) => void;

/**
 * Everything that one client does with another, as caller and callee: ring, accept, media both ways by its content, hold and back and an ICE
 * restart by either end, a hang-up by each, a refusal and a cancel. Throws at the first thing that is not so. Returns what was left out, and
 * why.
 */
export async function converseWholly(
  caller: Party,
  callee: Party,
  ask: Ask,
  heard: Heard,
): Promise<string[]> {
  const left: string[] = [];
  await step("call", async () => {
    await answered(caller.end, callee.end);
    if (caller.client.alerts && callee.client.capabilities.ringing !== false)
      await eventually("the caller to hear that it rings", async () => (await caller.end.state()).alerting);
    await mediaFlows(caller, callee);
    for (const [from, to] of [
      [caller.client, callee.client],
      [callee.client, caller.client],
    ] as const)
      if (from.pictures !== "none" && to.pictures === "sends and shows" && !sees(to, from))
        left.push(`${to.name} has no codec for the picture of ${from.name}: sound alone`);
  });
  for (const [by, other] of [
    [caller, callee],
    [callee, caller],
  ] as const) {
    const word = by === caller ? "caller" : "callee";
    if (by.client.holds !== "never") await step(`hold by the ${word}`, () => holds(by, other));
    const { restarts } = by.client;
    const can = restarts === "all" || (restarts === "own calls" && by === caller);
    // Between native devices it is the caller that makes the offer.
    const offerer = by.client.capabilities.iceRestart === undefined ? caller : by;
    const engines = [by, other].map(({ client }) => client.engine);
    if (can && engines.includes("Firefox") && offerer.client.engine !== "Firefox")
      left.push("a restart that another engine offers often leaves Firefox without a path: it isn't tried");
    else if (can)
      await step(`ICE restart by the ${word}`, () => restartsIce(by, other, other === callee, left));
  }
  await step("hang-up by the callee", () => hangsUp(callee, caller, ask, heard, left));
  await step("hang-up by the caller", async () => {
    await answered(caller.end, callee.end);
    for (const { end } of [caller, callee])
      await eventually(`${end.user} to connect`, async () => (await end.state()).connected);
    await hangsUp(caller, callee, ask, heard, left);
  });
  if (callee.client.declines !== "never") await step("refusal", () => declines(caller, callee, ask, heard));
  if (caller.client.capabilities.hangup !== false && callee.client.answersItself !== true)
    await step("cancel", () => givesUp(caller, callee, ask, heard));
  for (const { end } of [caller, callee]) {
    const { errors } = await end.state();
    if (errors.length > 0) throw new Error(`${end.user} had errors: ${errors.join(", ")}`);
  }
  return left;
}

/** A whole call, from its ring to a hang-up of the caller. */
export async function converseBriefly(caller: Party, callee: Party, ask: Ask): Promise<void> {
  await answered(caller.end, callee.end);
  await mediaFlows(caller, callee);
  await caller.end.hangup();
  await over(callee, "told", () => {});
  await nothingLeft(ask, caller, callee);
}

/** The core of {@link converseWholly}: media both ways, a hold by the caller, and a hang-up by the callee, in one call. */
export async function converseOnce(caller: Party, callee: Party, ask: Ask, heard: Heard): Promise<string[]> {
  const left: string[] = [];
  await step("call", async () => {
    await answered(caller.end, callee.end);
    await mediaFlows(caller, callee);
  });
  if (caller.client.holds !== "never") await step("hold by the caller", () => holds(caller, callee));
  await step("hang-up by the callee", () => hangsUp(callee, caller, ask, heard, left));
  return left;
}

async function step(name: string, run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    throw new Error(`${name}: ${(error as Error).message.split("\n")[0]}`, { cause: error });
  }
}

/** Why this pair can't call at all; undefined where it can. */
export function whyNot(caller: Client, callee: Client): string | undefined {
  if (caller.callsNobody !== undefined) return caller.callsNobody;
  for (const [one, other] of [
    [caller, callee],
    [callee, caller],
  ] as const)
    if (one.data === "needed" && !other.data)
      return `${one.name} ends a call without a data channel, and ${other.name} has none`;
    else if (one.codecs === "fails at H.264" && other.codecs === "H.264")
      return `${one.name} has no H.264, and fails at an offer that has no other picture`;
    else if (one.codecs === "no H.264" && other.codecs === "H.264")
      return `${one.name} has no H.264 here, and gathers no candidates where the first section of a bundle is rejected for that`;
  if ([caller, callee].every(({ capabilities }) => capabilities.sdpRole === "offer-only"))
    return "two devices that only make offers can't call each other";
  if (caller.onlyOffers === true && callee.capabilities.sdpRole === "offer-only")
    return `${callee.name} makes the offer, and ${caller.name} takes no section again of its own that was rejected`;
  if (caller.onlyAnswers === true && callee.offersWhenCalled !== true)
    return `whom ${caller.name} calls makes the offer, and ${callee.name} doesn't when it is called`;
  return undefined;
}

export async function mediaFlows(one: Party, other: Party): Promise<void> {
  await contentFlows({ ...one.end, sends: sentTo(one, other) }, { ...other.end, sends: sentTo(other, one) });
}

/** What comes of it at an end that shows no picture, or not this one. */
function sentTo(from: Party, to: Party): End["sends"] {
  return sees(to.client, from.client) ? from.end.sends : { ...from.end.sends, color: undefined };
}

function sees(viewer: Client, sender: Client): boolean {
  const codecs = [viewer.codecs, sender.codecs];
  const meet = !codecs.includes("H.264") || codecs.every((one) => one === "H.264" || one === undefined);
  return viewer.pictures === "sends and shows" && sender.pictures !== "none" && meet;
}

async function holds(by: Party, other: Party): Promise<void> {
  const { renegotiation = "full" } = other.client.capabilities;
  const known = by.client.answersOnBehalf.ofOthers || other.client.answersOnBehalf.ofItself;
  await by.end.hold(true);
  // The other end takes no offer, and nobody speaks for it: this one is refused, and the call goes on.
  const refused = renegotiation === "none" && !known;
  // A message stops nobody but the one who is asked by it to send no more.
  if (!refused && (by.client.holds === "offer" || renegotiation === "full")) await silent(by.end);
  const told = other.client.tellsHold && renegotiation !== "none";
  if (told) await eventually("the hold to be told", async () => (await other.end.state()).held === true);
  await by.end.hold(false);
  if (told) await eventually("its end to be told", async () => (await other.end.state()).held === false);
  await mediaFlows(by, other);
}

async function restartsIce(by: Party, other: Party, othersCallee: boolean, left: string[]): Promise<void> {
  const { renegotiation = "full" } = other.client.capabilities;
  // Of Jingle who made the session restarts, and for its callee that was the server.
  if (renegotiation === "none" || (renegotiation === "hold-only" && !othersCallee)) {
    if (by.client.endsWhenRefused === true) {
      left.push(
        `a refused ICE restart ends a call of ${by.client.name}: it tries none with ${other.client.name}`,
      );
      return;
    }
    await by.end.restartIce().catch(() => {});
    await mediaFlows(by, other);
    left.push(`${other.client.name} refuses to restart ICE, and the call goes on`);
    return;
  }
  if (by.client.knowsRestartByCredentials === true && other.client.keepsCredentials === true) {
    left.push(
      `${other.client.name} answers an ICE restart with the credentials that it had, by which ${by.client.name} knows no answer: it tries none`,
    );
    return;
  }
  const before = [await by.end.ufrags(), await other.end.ufrags()];
  await by.end.restartIce();
  await eventually("new ICE credentials at both ends", async () => {
    const [one, two] = [await by.end.ufrags(), await other.end.ufrags()];
    const keeps = other.client.keepsCredentials === true;
    const fresh = one[0] !== before[0]?.[0] && (keeps || one[1] !== before[0]?.[1]);
    return fresh && one[0] === two[1] && one[1] === two[0];
  });
  await mediaFlows(by, other);
  if (other.client.keepsCredentials === true)
    left.push(
      `${other.client.name} answers an ICE restart with the credentials that it had, and the call goes on`,
    );
}

async function hangsUp(by: Party, other: Party, ask: Ask, heard: Heard, left: string[]): Promise<void> {
  const silently = by.client.capabilities.hangup === false;
  const asked = by.client.isAsked === true || other.client.isAsked === true;
  const noticed = !silently || asked || other.client.capabilities.reports !== false;
  if (!noticed && other.client.capabilities.hangup !== false) {
    left.push(`${by.client.name} tells nobody that it hangs up, and ${other.client.name} reports no media`);
    await other.end.hangup();
    await over(other, "own", heard);
    await over(by, "told", heard);
    await nothingLeft(ask, by, other);
    return;
  }
  await by.end.hangup();
  await over(by, "own", heard);
  await over(other, "told", heard);
  if (noticed) await nothingLeft(ask, by, other);
  else
    left.push(
      `${by.client.name} and ${other.client.name} tell each other alone that they hang up: the server keeps the session`,
    );
}

async function declines(caller: Party, callee: Party, ask: Ask, heard: Heard): Promise<void> {
  await rung(caller.end, callee.end);
  await callee.end.decline();
  const how = callee.client.declines === "busy" ? "busy" : "declined";
  if (caller.client.words[how] !== undefined) await over(caller, how, heard);
  await nothingLeft(ask, caller, callee);
}

async function givesUp(caller: Party, callee: Party, ask: Ask, heard: Heard): Promise<void> {
  await rung(caller.end, callee.end);
  await caller.end.hangup();
  await over(callee, "cancelled", heard);
  await nothingLeft(ask, caller, callee);
}

/** Waits until the client says that it is over, and checks how it says so. */
export async function over(
  { client, end }: Party,
  happened: keyof Client["words"],
  heard: Heard,
): Promise<void> {
  await eventually(`${client.name} to see the end`, async () => (await end.state()).ended !== undefined);
  const { ended = "" } = await end.state();
  heard(client, happened, ended);
  if (client.words[happened]?.test(ended) !== true)
    throw new Error(`${client.name} was told "${ended}" (${happened})`);
}

/** Waits until neither has part in a session. */
export async function nothingLeft(ask: Ask, ...parties: readonly Party[]): Promise<void> {
  for (const { end } of parties)
    await eventually(`no session to be left of ${end.user}`, async () => {
      const { body } = await ask("GET", `/sessions?user=${end.user}`);
      return body.items.length === 0;
    });
}
