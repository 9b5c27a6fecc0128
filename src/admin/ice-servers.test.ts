import { expect, test } from "bun:test";
import { createHmac } from "node:crypto";
import { iceServersFor } from "./ice-servers.ts";

const stun = { urls: ["stun:stun.example:3478"] };
const ttl = 600_000;

test("configured servers are told as they are", () => {
  expect(iceServersFor({ iceServers: [stun], ttl, turn: () => undefined }, "alice", "phone", 0)).toEqual({
    servers: [stun],
  });
});

test("TURN credentials are the device's own, and renewed before they expire", () => {
  const urls = ["turn:t.example:3478?transport=udp", "turns:t.example:443"];
  const turn = () => ({ secret: "shared", urls: (device: string) => (device === "alice/phone" ? urls : []) });
  const now = 1_700_000_000_123;
  const { servers, renewAt } = iceServersFor({ iceServers: [stun], ttl, turn }, "alice", "phone", now);
  const username = "1700000600:alice/phone";
  const credential = createHmac("sha1", "shared").update(username).digest("base64");
  expect(servers).toEqual([stun, { urls, username, credential }]);
  expect(renewAt).toBe(now + 450_000);
});
