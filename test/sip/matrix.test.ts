import { describe, expect, test } from "bun:test";
import type { CallRecord } from "../../src/records/record.ts";
import { api } from "../api/support.ts";
import { chromiumPath } from "../browser/support/browser.ts";
import { seed } from "../support/seed.ts";
import { bothEnd, connectParties, eventually, type Kind, mediaFlows, type Party } from "./support/parties.ts";
import { kinds, type Traveller, useRig } from "./support/rig.ts";

/** What a caller of that kind says of a call that nobody took, and a callee of one that it missed. */
const unanswered: Record<Kind, readonly [told: RegExp, missed: RegExp]> = {
  native: [/^no_answer$/, /^no_answer$/],
  node: [/^no_answer$/, /^no_answer$/],
  jssip: [/Unavailable|No Answer/, /Cancel.*cause=408/],
  sipjs: [/^480: SIP;cause=408/, /Cancel.*cause=408/],
};

/** What may happen to a call beside that it is answered, has media, and is hung up by the callee. */
const parts = [
  "unanswered, declined",
  "given up, hung up by the caller",
  "a lost connection at either end",
  "hold and ICE restart by either end",
] as const;
type Part = (typeof parts)[number];

/**
 * Every ordered pair of kinds calls each other. Of four parts each pair does one, so that every caller and every callee does each
 * of them with somebody; which pair does which follows the commit. SIP_MATRIX=whole has every pair do all.
 */
const whole = process.env.SIP_MATRIX === "whole";
const partsOf = (round: number): readonly Part[] =>
  whole ? parts : [parts[(round + seed) % parts.length] as Part];

describe.skipIf(chromiumPath === null)("every ordered pair", () => {
  /** Why calls ended, the last one first, by caller and callee. */
  const ended = new Map<string, readonly string[]>();
  const rig = useRig({ sip: { limits: { graceTimeout: 90_000 } } });

  // In a round everybody has one call, so that four go on at once: most of the time of each is waiting.
  for (const round of kinds.keys()) {
    const callees = kinds.map((_, index) => kinds[(index + round) % kinds.length] as Kind);
    const chosen = partsOf(round);
    let calls: Promise<void>[] | undefined;
    const start = (): Promise<void>[] => {
      const started = kinds.map((from, index) => converse(from, callees[index] as Kind, new Set(chosen)));
      // Each is reported by its own test, whenever it fails.
      for (const call of started) call.catch(() => {});
      return started;
    };
    for (const [index, from] of kinds.entries())
      test(`${from} calls ${callees[index]}: media, hung up by the callee; ${chosen.join("; ")}`, async () => {
        calls ??= start();
        await calls[index];
      }, 240_000);
  }

  async function converse(from: Kind, to: Kind, chosen: ReadonlySet<Part>): Promise<void> {
    const caller = await rig.traveller(from, `${from}-caller`);
    const callee = await rig.traveller(to, `${to}-callee`);
    if (chosen.has("unanswered, declined")) {
      await nobodyAnswers(caller, callee);
      await declines(caller, callee);
    }
    if (chosen.has("given up, hung up by the caller")) {
      await givesUp(caller, callee);
      await connectParties(caller, callee);
      await caller.hangup();
      await bothEnd(caller, callee);
      await leavesRecord(caller, callee, { reason: "hangup", by: caller });
    }

    await connectParties(caller, callee);
    expect((await caller.state()).alerting).toBe(true);
    await mediaFlows(caller, callee);
    if (chosen.has("a lost connection at either end")) {
      await losesItsConnection(callee, caller);
      await losesItsConnection(caller, callee);
    }
    // In the whole matrix what follows goes over the new connections.
    if (chosen.has("hold and ICE restart by either end")) {
      await holds(caller, callee);
      await holds(callee, caller);
      await restartsIce(caller, callee);
      await restartsIce(callee, caller);
    }
    await callee.hangup();
    await bothEnd(caller, callee);
    await leavesRecord(caller, callee, { reason: "hangup", by: callee });
  }

  /** Each call of the pair has left one record, with both parties and how it ended. The last one ended as `end` says. */
  async function leavesRecord(
    caller: Party,
    callee: Party,
    end: { readonly reason: string; readonly by?: Party },
  ): Promise<void> {
    const pair = `${caller.user} ${callee.user}`;
    const reasons = [end.reason, ...(ended.get(pair) ?? [])];
    ended.set(pair, reasons);
    const ask = api(rig.server);
    let found: readonly { readonly session: string; readonly reason: string }[] = [];
    await eventually(`${reasons.length} records of ${pair}`, async () => {
      const { body } = await ask("GET", `/records?user=${callee.user}&limit=1000`);
      found = body.items.filter((one: CallRecord) => one.caller.user === caller.user);
      return found.length >= reasons.length;
    });
    expect(found.map(({ reason }) => reason)).toEqual(reasons);
    const record: CallRecord = (await ask("GET", `/records/${found[0]?.session}`)).body;
    const protocols = [caller, callee].map(({ kind }) => (/sip/.test(kind) ? "sip" : "native"));
    expect(record.legs.map(({ user, side, protocol }) => [user, side, protocol])).toEqual([
      [caller.user, "caller", protocols[0] ?? ""],
      [callee.user, "callee", protocols[1] ?? ""],
    ]);
    expect([record.state, record.kind, record.caller.user, record.callee.user]).toEqual([
      "ended",
      "call",
      caller.user,
      callee.user,
    ]);
    // Of a call that was declined nobody is named but by the legs: another device could still have answered.
    expect(record.by?.user).toBe(end.by?.user);
    if (end.reason === "declined") expect(record.legs[1]?.reason).toBe("declined");
    // It was answered where somebody hung up, and there was no answer before it ended in another way.
    expect(record.acceptedAt !== undefined).toBe(end.reason === "hangup");
  }

  async function nobodyAnswers(caller: Party, callee: Party): Promise<void> {
    const { rings } = await callee.state();
    // A machine that is too busy to ring in this time is given more.
    for (let seconds = 2; seconds < 60 && (await callee.state()).rings === rings; seconds *= 3) {
      await caller.call(callee.user, seconds);
      const [told] = await bothEnd(caller);
      expect(told).toMatch(unanswered[caller.kind][0]);
      await leavesRecord(caller, callee, { reason: "no_answer" });
    }
    const [missed] = await bothEnd(callee);
    expect(missed).toMatch(unanswered[callee.kind][1]);
  }

  async function declines(caller: Party, callee: Party): Promise<void> {
    await ring(caller, callee);
    await callee.decline();
    const [declined] = await bothEnd(caller);
    expect(declined).toMatch(/declined|Rejected|603/);
    await leavesRecord(caller, callee, { reason: "declined" });
  }

  async function givesUp(caller: Party, callee: Party): Promise<void> {
    await ring(caller, callee);
    await eventually("ringing to be heard", async () => (await caller.state()).alerting);
    await caller.hangup();
    await bothEnd(caller, callee);
    await leavesRecord(caller, callee, { reason: "cancelled", by: caller });
  }

  async function ring(caller: Party, callee: Party): Promise<void> {
    const { rings } = await callee.state();
    await caller.call(callee.user);
    await eventually(`${callee.kind} to ring`, async () => (await callee.state()).rings > rings);
  }

  /** Media goes on without it, and the call when it is back. */
  async function losesItsConnection(one: Traveller, other: Party): Promise<void> {
    one.wire.cut();
    await eventually(`${one.kind} to notice`, async () => !(await one.state()).registered);
    await mediaFlows(one, other);
    one.wire.restore();
    await eventually(`${one.kind} to be back`, async () => (await one.state()).registered);
    expect((await other.state()).ended).toBeUndefined();
  }

  async function holds(holder: Party, held: Party): Promise<void> {
    await holder.hold(true);
    await silent(holder);
    if (held.kind === "jssip") expect((await held.state()).remoteHeld).toBe(true);
    await holder.hold(false);
    await mediaFlows(holder, held);
  }

  /** Waits until nothing comes any more at a party. */
  async function silent(party: Party): Promise<void> {
    let before = await party.counts();
    await eventually(`${party.kind} to hear nothing`, async () => {
      await new Promise((resolve) => setTimeout(resolve, 150));
      const now = await party.counts();
      const quiet = now.packets === before.packets && now.frames === before.frames;
      before = now;
      return quiet;
    });
  }

  async function restartsIce(one: Party, other: Party): Promise<void> {
    const before = [await one.ufrag(), await other.ufrag()];
    await one.restartIce();
    await eventually("new ICE credentials at both ends", async () => {
      const now = [await one.ufrag(), await other.ufrag()];
      return now[0] !== before[0] && now[1] !== before[1];
    });
    await mediaFlows(one, other);
  }
});
