import { expect, test } from "bun:test";
import { loadSettings } from "../config/load.ts";
import { turnOptions } from "./turn.ts";

test("TURN listens where turn.listen says, in development mode too; else there with the rest of the server, and in production everywhere", () => {
  const listening = (dev: boolean, listen: string[]): readonly string[] | undefined => {
    const settings = loadSettings({ object: { dev, turn: { listen } } });
    if (!settings.ok) throw new Error("the settings are refused");
    return turnOptions(settings.value, "127.0.0.1").listen;
  };
  expect(listening(true, ["127.0.0.2"])).toEqual(["127.0.0.2"]);
  expect(listening(true, [])).toEqual(["127.0.0.1"]);
  expect(listening(false, ["127.0.0.2"])).toEqual(["127.0.0.2"]);
  expect(listening(false, [])).toBeUndefined();
});
