import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Browser, Page } from "playwright-core";
import type { TurnServer } from "../../src/turn/server.ts";
import { chromiumPath, sharedBrowser } from "../browser/support/browser.ts";
import { credential, startTestTls } from "./support/turn.ts";

/** Runs in a page: two connections that may use relays only, one video from a canvas. Tells what was delivered, and by what. */
async function call(iceServer: RTCIceServer): Promise<{ frames: number; pair: string[]; message: string }> {
  const config: RTCConfiguration = { iceTransportPolicy: "relay", iceServers: [iceServer] };
  const [one, other] = [new RTCPeerConnection(config), new RTCPeerConnection(config)];
  for (const [here, there] of [
    [one, other],
    [other, one],
  ] as const)
    here.onicecandidate = ({ candidate }) => void there.addIceCandidate(candidate ?? undefined);
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d");
  let turn = 0;
  setInterval(() => {
    if (context === null) return;
    context.fillStyle = `hsl(${turn++ % 360} 80% 50%)`;
    context.fillRect(0, 0, 300, 150);
  }, 40);
  for (const track of canvas.captureStream(25).getTracks()) one.addTrack(track);
  const message = new Promise<string>((resolve) => {
    other.ondatachannel = ({ channel }) => {
      channel.onmessage = ({ data }) => resolve(data);
    };
  });
  const channel = one.createDataChannel("test");
  channel.onopen = () => channel.send("by the relay");
  await one.setLocalDescription();
  await other.setRemoteDescription(one.localDescription as RTCSessionDescription);
  await other.setLocalDescription();
  await one.setRemoteDescription(other.localDescription as RTCSessionDescription);
  const text = await message;
  for (;;) {
    const report = [...(await other.getStats()).values()];
    const frames = report.find((entry) => entry.type === "inbound-rtp")?.framesDecoded ?? 0;
    const pair = report.find((entry) => entry.type === "candidate-pair" && entry.nominated);
    const kinds = [pair?.localCandidateId, pair?.remoteCandidateId].map(
      (id) => report.find((entry) => entry.id === id)?.candidateType,
    );
    if (frames >= 10) {
      one.close();
      other.close();
      return { frames, pair: kinds, message: text };
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

describe.skipIf(chromiumPath === null)("Chromium, relay only", () => {
  let turn: TurnServer;
  let pages: Server;
  let browser: Browser;
  let page: Page;
  beforeAll(async () => {
    // As strict as it comes: no peer on this machine is open, whatever the tests of the tools need.
    turn = await startTestTls({ unsafeLoopback: false });
    pages = createServer((_request, response) => response.end("<!doctype html>"));
    await new Promise<void>((resolve) => pages.listen(0, "127.0.0.1", resolve));
    browser = await sharedBrowser("none", ["--ignore-certificate-errors"]);
    page = await browser.newPage();
    await page.goto(`http://127.0.0.1:${(pages.address() as AddressInfo).port}/`);
  }, 60_000);
  afterAll(async () => {
    await browser?.close();
    pages?.close();
    await turn?.stop();
  });

  for (const [name, url] of [
    ["udp", () => `turn:127.0.0.1:${turn.ports.udp}?transport=udp`],
    ["tcp", () => `turn:127.0.0.1:${turn.ports.tcp}?transport=tcp`],
    ["turns", () => `turns:127.0.0.1:${turn.ports.tls}?transport=tcp`],
  ] as const)
    test(`sends video and data over ${name}, through our relay and nothing else`, async () => {
      const before = turn.stats();
      const { pair, message } = await page.evaluate(call, { urls: [url()], ...credential(`page-${name}`) });
      const after = turn.stats();
      expect(message).toBe("by the relay");
      expect(pair).toEqual(["relay", "relay"]);
      expect(after.hairpinMessages - before.hairpinMessages).toBeGreaterThan(20);
      expect(after.toPeerMessages).toBe(after.hairpinMessages);
    }, 60_000);

  test("a wrong credential gets no relay", async () => {
    const urls = `turn:127.0.0.1:${turn.ports.udp}?transport=udp`;
    const candidates = await page.evaluate(
      async (server) => {
        const connection = new RTCPeerConnection({ iceTransportPolicy: "relay", iceServers: [server] });
        connection.createDataChannel("test");
        const found: string[] = [];
        connection.onicecandidate = ({ candidate }) =>
          void (candidate?.candidate && found.push(candidate.candidate));
        await connection.setLocalDescription();
        await new Promise<void>((resolve) => {
          connection.onicegatheringstatechange = () => {
            if (connection.iceGatheringState === "complete") resolve();
          };
        });
        return found;
      },
      { urls, username: `${Math.floor(Date.now() / 1_000) + 60}:mallory`, credential: "wrong" },
    );
    expect(candidates).toEqual([]);
  }, 60_000);
});
