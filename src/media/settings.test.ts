import { expect, test } from "bun:test";
import { loadSettings } from "../config/load.ts";

function wrong(media: object): string {
  const loaded = loadSettings({ object: { media } });
  return loaded.ok ? "" : loaded.error;
}

test("what makes no sense is named", () => {
  expect(wrong({})).toBe("");
  expect(wrong({ port: 65_535, workers: 2 })).toStartWith("setting media.port: ");
  expect(wrong({ port: 65_534, workers: 2 })).toBe("");
  expect(wrong({ publicAddresses: ["example.com"] })).toBe(
    "setting media.publicAddresses: example.com is no IP address",
  );
  expect(wrong({ listen: ["2001:db8::1", "192.0.2"] })).toStartWith("setting media.listen: 192.0.2 ");
  expect(wrong({ origins: ["https://a.example/path"] })).toStartWith("setting media.origins: ");
  expect(wrong({ public: ["*", "open-*"], takeover: ["studio"] })).toBe("");
  expect(wrong({ public: ["*x"] })).toStartWith("setting media.public: ");
  expect(wrong({ takeover: ["stream:x"] })).toStartWith("setting media.takeover: ");
  expect(wrong({ codecs: ["h265"] })).toStartWith("setting media.codecs in the options: ");
});

test("codecs and names may be written with commas", () => {
  const env = { SWITCHBOARD_MEDIA_CODECS: "h264, vp8", SWITCHBOARD_MEDIA_PUBLIC: "lobby,open-*" };
  const loaded = loadSettings({ env });
  expect(loaded).toMatchObject({
    value: { media: { codecs: ["h264", "vp8"], public: ["lobby", "open-*"] } },
  });
});
