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
  const s3 = { endpoint: "http://127.0.0.1:9000", bucket: "kept", accessKeyId: "id", secretAccessKey: "s3" };
  expect(wrong({ s3: { ...s3, prefix: "recordings/of-2026/" } })).toBe("");
  for (const endpoint of [
    "s3.example.com",
    "ftp://s3.example.com",
    "https://a:b@s3.example.com",
    "http://x/?a",
  ]) {
    expect(wrong({ s3: { ...s3, endpoint } })).toStartWith("setting media.s3.endpoint: ");
    expect(wrong({ s3: { ...s3, endpoint } })).not.toContain("a:b");
  }
  expect(wrong({ s3: { ...s3, bucket: "a/b" } })).toStartWith("setting media.s3.bucket: ");
  for (const prefix of ["/x", "a/../b", "a//b", "a?b"])
    expect(wrong({ s3: { ...s3, prefix } })).toStartWith("setting media.s3.prefix: ");
  expect(wrong({ s3: { ...s3, secretAccessKey: "" } })).toStartWith("setting media.s3.secretAccessKey: ");
  expect(wrong({ codecs: ["h265"] })).toStartWith("setting media.codecs in the options: ");
});

test("codecs and names may be written with commas", () => {
  const env = { SWITCHBOARD_MEDIA_CODECS: "h264, vp8", SWITCHBOARD_MEDIA_PUBLIC: "lobby,open-*" };
  const loaded = loadSettings({ env });
  expect(loaded).toMatchObject({
    value: { media: { codecs: ["h264", "vp8"], public: ["lobby", "open-*"] } },
  });
});
