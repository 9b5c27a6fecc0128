import { expect } from "bun:test";
import type { Context } from "../conformance/check.ts";
import { candidate, establish, sdp } from "../conformance/checks/call-setup.ts";

/** Two users in a call who do nothing wrong: whatever others do to the server, their signals go on arriving. */
export interface Innocent {
  /** Sends an offer and candidates across; fails when they don't arrive as sent, soon. */
  goesOn(): Promise<void>;
  /** Their session's id, for others to meddle with. */
  readonly session: string;
}

const soon = 2_000;

export async function innocentCall(t: Context): Promise<Innocent> {
  const { caller, callee, session } = await establish(t);
  let round = 0;
  return {
    session,
    async goesOn() {
      round += 1;
      const description = { type: "offer", sdp: sdp(`round ${round}`) };
      const at = { session, pair: 1, generation: 1 };
      caller.fire("signal", { ...at, description });
      caller.fire("signal", { ...at, candidates: [candidate(round)] });
      expect((await callee.push("signal", { session }, soon)).description).toEqual(description);
      expect((await callee.push("signal", { session }, soon)).candidates).toEqual([candidate(round)]);
      for (const end of [caller, callee]) {
        end.ack();
        expect(end.closeCode).toBeUndefined();
        expect(end.frames.filter(({ type }) => type === "ended")).toEqual([]);
      }
    },
  };
}
