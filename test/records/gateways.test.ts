import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import type { LadderRow } from "../../src/records/record.ts";
import { RawClient } from "../sip/support/raw-client.ts";
import { type RunningServer, startServer } from "../support/server.ts";
import { closeAll, device, until } from "../webrtc/support/parties.ts";
import { newestOf } from "./support/records.ts";

let server: RunningServer;
beforeAll(async () => {
  server = await startServer({
    config: { sip: { domain: "switchboard.test" }, peerjs: { guestKeys: [] } },
  });
}, 60_000);
afterAll(() => server?.stop());
afterEach(closeAll);

/** The ladder of the newest call of the user, once that is over. */
const ladderOf = async (user: string) => (await newestOf(server.url, user)).record.ladder;

/** What the device and its gateway said to each other, as `> WORD` and `< WORD`, seen from the device. */
const words = (ladder: readonly LadderRow[], gateway: string): string[] =>
  ladder.flatMap(({ from, to, type, note }) => {
    const word = note === undefined ? type : `${type} ${note}`;
    return to === gateway ? [`> ${word}`] : from === gateway ? [`< ${word}`] : [];
  });

const offer = [
  "v=0",
  "o=- 1 1 IN IP4 0.0.0.0",
  "s=-",
  "t=0 0",
  "m=audio 9 UDP/TLS/RTP/SAVPF 111",
  "c=IN IP4 0.0.0.0",
  "a=rtpmap:111 opus/48000/2",
  "a=ice-ufrag:abcd",
  "a=ice-pwd:abcdefghijklmnopqrstuvwx",
  `a=fingerprint:sha-256 ${Array(32).fill("AB").join(":")}`,
  "a=setup:actpass",
  "a=mid:0",
  "a=rtcp-mux",
  "a=sendrecv",
  "",
].join("\r\n");

test("SIP: the ladder has every message of the phone, as it went over the wire", async () => {
  const phone = new RawClient(server.url);
  await phone.register("sipper");
  const bob = device(server.url, "bob", "laptop");
  const rings = bob.next("incoming");
  await bob.ready;
  const before = phone.heard.length;
  const callId = await phone.ask("INVITE", "sip:bob@switchboard.test", {
    from: "sip:sipper@switchboard.test",
    more: [phone.contact, "Content-Type: application/sdp"],
    body: offer,
  });
  await (await rings).decline();
  const refusal = await phone.answer(callId);
  const status = refusal.split(" ")[1];
  const heard = phone.heard.slice(before).map((text) => `< ${text.split(" ")[1]}`);
  expect(heard[0]).toBe("< 100");
  expect(heard).toContain("< 180");
  expect(heard.at(-1)).toBe(`< ${status}`);
  const ladder = await ladderOf("sipper");
  expect(words(ladder, "sip")).toEqual(["> INVITE", ...heard]);
  expect(ladder.find(({ type }) => type === "INVITE")?.bytes).toBe(offer.length);
  expect(ladder.map(({ at }) => at)).toEqual(ladder.map(({ at }) => at).sort((one, other) => one - other));
  phone.close();
});

test("SIP: another phone that uses the Call-ID adds nothing to the ladder", async () => {
  const [phone, stranger] = [new RawClient(server.url), new RawClient(server.url)];
  await phone.register("sipper2");
  await stranger.register("stranger");
  const bob = device(server.url, "bob", "laptop");
  const rings = bob.next("incoming");
  await bob.ready;
  const callId = await phone.ask("INVITE", "sip:bob@switchboard.test", {
    from: "sip:sipper2@switchboard.test",
    more: [phone.contact, "Content-Type: application/sdp"],
    body: offer,
  });
  const ring = await rings;
  await stranger.ask("BYE", "sip:bob@switchboard.test", { from: "sip:stranger@switchboard.test", callId });
  await stranger.answer(callId);
  await ring.decline();
  await phone.answer(callId);
  expect(words(await ladderOf("sipper2"), "sip").join()).not.toContain("BYE");
  phone.close();
  stranger.close();
});

test("PeerJS: the ladder has the client's messages, as they went over the wire", async () => {
  const bob = device(server.url, "bob", "laptop");
  const rings = bob.next("incoming");
  await bob.ready;
  const query = "key=peerjs&id=caller&token=t-caller";
  const socket = new WebSocket(`${server.url.replace("http", "ws")}/peerjs/peerjs?${query}`);
  const heard: string[] = [];
  socket.onmessage = ({ data }) => heard.push(JSON.parse(String(data)).type);
  await until(() => heard.length > 0, "OPEN");
  const payload = { type: "media", connectionId: "mc_1", sdp: { type: "offer", sdp: offer } };
  socket.send(JSON.stringify({ type: "OFFER", dst: "bob", payload }));
  const ring = await rings;
  const candidate = { candidate: "candidate:1 1 udp 1 192.0.2.1 9 typ host", sdpMid: "0", sdpMLineIndex: 0 };
  socket.send(
    JSON.stringify({
      type: "CANDIDATE",
      dst: "bob",
      payload: { type: "media", connectionId: "mc_1", candidate },
    }),
  );
  await ring.decline();
  await until(() => heard.includes("LEAVE"), "LEAVE");
  expect(heard).toEqual(["OPEN", "EXPIRE", "LEAVE"]);
  const said = words(await ladderOf("caller"), "peerjs");
  expect(said[0]).toBe("> OFFER");
  expect(said.filter((word) => word !== "> CANDIDATE")).toEqual(["> OFFER", "< EXPIRE", "< LEAVE"]);
  socket.close();
});
