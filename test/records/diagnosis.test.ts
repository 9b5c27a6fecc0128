import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type RunningServer, startServer } from "../support/server.ts";
import { closeAll } from "../webrtc/support/parties.ts";
import { provocations, provokedSettings, Stage } from "./support/provocations.ts";
import { newestOf } from "./support/records.ts";

describe("what went wrong for real is what the diagnosis says", () => {
  let server: RunningServer;
  beforeAll(async () => {
    server = await startServer({ config: provokedSettings });
  }, 60_000);
  afterAll(async () => {
    await closeAll();
    await server?.stop();
  });

  provocations.forEach(({ code, certainty, beside, settings, provoke }, n) => {
    test.concurrent(code, async () => {
      const at = settings === undefined ? server : await startServer({ config: settings });
      const stage = new Stage(at, n);
      await provoke(stage);
      const { record, diagnosis } = await newestOf(at.url, stage.alice);
      if (at !== server) await at.stop();
      const first = beside ? diagnosis.find((one) => one.code === code) : diagnosis[0];
      expect(first?.code, JSON.stringify({ diagnosis, record }, null, 1)).toBe(code);
      if (certainty !== undefined) expect(first?.certainty).toBe(certainty);
    }, 60_000);
  });
});
