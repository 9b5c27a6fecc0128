import { expect, test } from "bun:test";
import { iceServices } from "./ice-services.ts";

const servers = [
  { urls: ["stun:stun.example:3478", "stun:[2001:db8::1]"] },
  {
    urls: ["turn:turn.example?transport=udp", "turns:turn.example:443?transport=tcp", "http:no"],
    username: "1:alice/x",
    credential: "pw",
  },
];
const shown = (type?: string) =>
  iceServices(servers, type, "2030-01-01T00:00:00.000Z").map(({ attributes }) => attributes);

test("each address is a service, credentials come with those of TURN", () => {
  const secret = {
    username: "1:alice/x",
    password: "pw",
    restricted: "1",
    expires: "2030-01-01T00:00:00.000Z",
  };
  expect(shown()).toEqual([
    // Without a transport: stanza would add it to the URL, and a browser refuses that.
    { type: "stun", host: "stun.example", port: "3478" },
    { type: "stun", host: "[2001:db8::1]", port: "3478" },
    { type: "turn", host: "turn.example", port: "3478", transport: "udp", ...secret },
    { type: "turns", host: "turn.example", port: "443", transport: "tcp", ...secret },
  ]);
  expect(shown("turns").map(({ port }) => port)).toEqual(["443"]);
});
