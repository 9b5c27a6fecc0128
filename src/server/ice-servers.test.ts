import { expect, test } from "bun:test";
import { createHmac } from "node:crypto";
import { joinIceServers, turnServerFor } from "./ice-servers.ts";

const stun = { urls: ["stun:stun.example:3478"] };
const turn = {
  secret: "shared",
  urls: ["turn:t.example:3478?transport=udp", "turns:t.example:443"],
  ttl: 600_000,
};
const phone = { user: "alice", id: "phone", guest: false };

test("TURN credentials are the device's own, and renewed before they expire", () => {
  const now = 1_700_000_000_123;
  const username = "1700000600:alice/phone";
  const credential = createHmac("sha1", "shared").update(username).digest("base64");
  expect(turnServerFor(phone, turn, now)).toEqual({
    servers: [{ urls: turn.urls, username, credential }],
    renewAt: now + 450_000,
  });
});

test("a guest's credentials say so", () => {
  const [server] = turnServerFor({ user: "visitor-7", id: "tab", guest: true }, turn, 0).servers;
  const username = "600:visitor-7/tab/guest";
  const credential = createHmac("sha1", "shared").update(username).digest("base64");
  expect(server).toEqual({ urls: turn.urls, username, credential });
});

test("a device is told of all servers, and again when the first credential has to be renewed", () => {
  expect(joinIceServers([{ servers: [stun] }])).toEqual({ servers: [stun] });
  const [one, other] = [turnServerFor(phone, turn, 0), turnServerFor(phone, { ...turn, ttl: 400_000 }, 0)];
  expect(joinIceServers([{ servers: [stun] }, one, other])).toEqual({
    servers: [stun, ...one.servers, ...other.servers],
    renewAt: 300_000,
  });
});
