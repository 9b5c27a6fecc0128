import { expect, test } from "bun:test";
import { createHmac } from "node:crypto";
import { iceServersFor } from "./ice-servers.ts";

const stun = { urls: ["stun:stun.example:3478"] };
const ttl = 600_000;
const phone = { user: "alice", id: "phone", guest: false };

test("configured servers are told as they are", () => {
  expect(iceServersFor({ iceServers: [stun], ttl, turn: () => undefined }, phone, 0)).toEqual({
    servers: [stun],
  });
});

test("TURN credentials are the device's own, and renewed before they expire", () => {
  const urls = ["turn:t.example:3478?transport=udp", "turns:t.example:443"];
  const turn = () => ({ secret: "shared", urls: (device: string) => (device === "alice/phone" ? urls : []) });
  const now = 1_700_000_000_123;
  const { servers, renewAt } = iceServersFor({ iceServers: [stun], ttl, turn }, phone, now);
  const username = "1700000600:alice/phone";
  const credential = createHmac("sha1", "shared").update(username).digest("base64");
  expect(servers).toEqual([stun, { urls, username, credential }]);
  expect(renewAt).toBe(now + 450_000);
});

test("a guest's credentials say so", () => {
  const turn = () => ({ secret: "shared", urls: (device: string) => [`turn:${device}`] });
  const guest = { user: "visitor-7", id: "tab", guest: true };
  const [server] = iceServersFor({ iceServers: [], ttl, turn }, guest, 0).servers;
  const username = "600:visitor-7/tab/guest";
  const credential = createHmac("sha1", "shared").update(username).digest("base64");
  expect(server).toEqual({ urls: ["turn:visitor-7/tab"], username, credential });
});
