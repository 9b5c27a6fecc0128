import { expect, test } from "bun:test";
import { loadSettings } from "./load.ts";
import { options } from "./option.ts";
import { shownSettings } from "./shown-settings.ts";

test("settings are shown without anything secret", () => {
  const loaded = loadSettings({
    object: {
      tokens: { secret: "tokens-are-signed-with-this-secret" },
      nats: { url: ["nats://user:hunter2@10.0.0.5:4222"] },
      iceServers: [{ urls: ["turn:turn.example"], username: "u", credential: "hunter2" }],
      webhooks: [
        { url: "https://example.com/hook", secret: `whsec_${Buffer.alloc(32, 7).toString("base64")}` },
      ],
      turn: { users: [{ name: "u", password: "hunter2" }] },
    },
  });
  if (!loaded.ok) throw new Error(loaded.error);
  const shown = new Map(shownSettings(loaded.value).map(({ path, value }) => [path, value]));
  expect([...shown.keys()]).toEqual(options.map(({ path }) => path));
  expect([...shown.values()].join("\n")).not.toMatch(/hunter2|signed-with-this|whsec_/);
  expect(shown.get("tokens.secret")).toBe("(set)");
  expect(shown.get("hooks.secret")).toBe("(none)");
  expect(shown.get("nats.url")).toBe("(set)");
  expect(shown.get("limits.ringTimeout")).toBe("55000");
});
