import { expect, test } from "bun:test";
import { iceServers } from "./ice-servers.ts";

test("a Link header names ICE servers, also among other links", () => {
  const link =
    '<turn:turn.example.com:3478?transport=udp>; rel="ice-server"; username="a,b\\"c"; credential="p;w"; credential-type="password", ' +
    '<stun:stun.example.com>; rel="ice-server", </whep/a/1/events>; rel="urn:ietf:params:whep:ext:core:server-sent-events"; events="active"';
  expect(iceServers(link)).toEqual([
    { urls: "turn:turn.example.com:3478?transport=udp", username: 'a,b"c', credential: "p;w" },
    { urls: "stun:stun.example.com" },
  ]);
});

test("no header, and one that is none, name no server", () => {
  expect(iceServers(null)).toEqual([]);
  expect(iceServers("nonsense, <a>; rel=next")).toEqual([]);
});
