import { describe, expect, test } from "bun:test";
import { offer, SimSip } from "../../../test/support/sim-phone.ts";
import { phoneCalls } from "../../../test/support/sim-phone-calls.ts";

describe("nobody speaks for another", () => {
  test("a request in another's name is 403, a foreign dialog none, and who has not signed in is asked to", () => {
    const { alice, world } = phoneCalls();
    alice.acknowledge();
    const { dialog } = alice;
    const mallory = world.phone("mallory");
    expect(mallory.ask("BYE", { to: dialog?.to ?? "", callId: dialog?.callId ?? "" })?.status).toBe(407);
    mallory.register();
    Object.assign(mallory, { dialog });
    expect(mallory.ask("BYE", { from: "alice" })?.status).toBe(481);
    Object.assign(mallory, { dialog: undefined });
    expect(mallory.ask("INVITE", { uri: "sip:bob@sim.test", from: "alice", body: offer() })?.status).toBe(
      403,
    );
    expect(alice.request("BYE")).toBeUndefined();
  });

  test("what is not understood is refused as it should be", () => {
    const world = new SimSip();
    const alice = world.phone("alice");
    alice.register();
    const ask = (method: string, extra = {}) => alice.ask(method, { uri: "sip:bob@sim.test", ...extra });
    expect(ask("INVITE", { headers: ["Require: magic"], body: offer() })?.status).toBe(420);
    expect(ask("INVITE", { body: "x", type: "text/plain" })?.status).toBe(415);
    expect(ask("INVITE", { body: offer(), headers: ["Accept: text/plain"] })?.status).toBe(406);
    expect(ask("INVITE", { body: "v=0\r\n" })?.status).toBe(488);
    expect(ask("INVITE", { uri: "tel:+4912345", body: offer() })?.status).toBe(416);
    expect(ask("INVITE", { body: offer(), maxForwards: 0 })?.status).toBe(483);
    expect(ask("MESSAGE", { body: "x", type: "text/plain", maxForwards: 0 })?.status).toBe(483);
    expect(ask("REFER")?.status).toBe(405);
    expect(ask("DANCE")?.status).toBe(501);
    expect(ask("BYE")?.status).toBe(481);
    expect(ask("OPTIONS")?.headers.get("Allow")).toContain("INVITE");
  });
});
