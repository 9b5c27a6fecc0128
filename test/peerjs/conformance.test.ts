import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type BenchServer, startPeerjs } from "../bench/bench-process.ts";
import { type RunningServer, startServer } from "../support/server.ts";
import { answerSdp, offerSdp } from "../support/sim-peerjs.ts";

setDefaultTimeout(60_000);

/** One server under test: where its HTTP and its WebSocket are. */
interface Side {
  readonly http: string;
  readonly ws: string;
}

// biome-ignore lint/suspicious/noExplicitAny: frames of every type
type Frame = any;

/** A client of raw frames. */
class RawPeer {
  readonly heard: Frame[] = [];
  closed = false;
  readonly #socket: WebSocket;

  constructor(side: Side, query: string) {
    this.#socket = new WebSocket(`${side.ws}/peerjs${query}`);
    this.#socket.onmessage = ({ data }) => this.heard.push(JSON.parse(String(data)));
    this.#socket.onclose = () => {
      this.closed = true;
    };
  }

  static async open(side: Side, id: string, token = `t-${id}`): Promise<RawPeer> {
    const peer = new RawPeer(side, `?key=peerjs&id=${id}&token=${token}&version=1.5.5`);
    await peer.until(() => peer.heard.length > 0 || peer.closed);
    return peer;
  }

  send(frame: object | string): void {
    this.#socket.send(typeof frame === "string" ? frame : JSON.stringify(frame));
  }

  close(): void {
    this.#socket.close();
  }

  async until(holds: () => unknown, patience = 12_000): Promise<void> {
    const end = Date.now() + patience;
    while (!holds() && Date.now() < end) await Bun.sleep(10);
  }

  types(): string[] {
    return this.heard.map(({ type }) => type);
  }

  async hears(type: string, count = 1): Promise<Frame> {
    await this.until(() => this.heard.filter((frame) => frame.type === type).length >= count);
    return this.heard.filter((frame) => frame.type === type)[count - 1];
  }
}

const media = (connectionId: string, sdp?: object, more: object = {}) => ({
  type: "media",
  connectionId,
  ...(sdp === undefined ? {} : { sdp }),
  ...more,
});
const offer = { type: "offer", sdp: offerSdp };
const answer = { type: "answer", sdp: answerSdp };
const candidate = {
  candidate: "candidate:1 1 udp 1 192.0.2.1 5001 typ host",
  sdpMid: "0",
  sdpMLineIndex: 0,
  usernameFragment: "abcd",
};

/** What each server does, by the name of the step: the same script of raw frames for both. */
const steps: Readonly<Record<string, (side: Side, tag: string) => Promise<unknown>>> = {
  "GET /id": async ({ http }) => {
    const response = await fetch(`${http}/peerjs/id`, { headers: { Origin: "http://localhost" } });
    const id = await response.text();
    return {
      status: response.status,
      type: response.headers.get("content-type"),
      cors: response.headers.get("access-control-allow-origin"),
      uuid: /^[0-9a-f-]{36}$/.test(id),
    };
  },
  "GET /peers": async ({ http }) => (await fetch(`${http}/peerjs/peers`)).status,
  "GET / names the server": async ({ http }) => {
    const body = (await (await fetch(`${http}/`)).json()) as { name: string; website: string };
    return body;
  },
  preflight: async ({ http }) => {
    const response = await fetch(`${http}/peerjs/id`, {
      method: "OPTIONS",
      headers: { Origin: "http://localhost", "Access-Control-Request-Method": "GET" },
    });
    return [response.status, response.headers.get("access-control-allow-methods")];
  },
  OPEN: async (side, tag) => (await RawPeer.open(side, `a${tag}`)).heard,
  "no token": async (side, tag) => {
    const peer = new RawPeer(side, `?key=peerjs&id=b${tag}`);
    await peer.until(() => peer.closed);
    return [peer.heard, peer.closed];
  },
  "wrong key": async (side, tag) => {
    const peer = new RawPeer(side, `?key=wrong&id=c${tag}&token=t`);
    await peer.until(() => peer.closed);
    return [peer.heard, peer.closed];
  },
  "an id with a space": async (side, tag) => {
    const peer = new RawPeer(side, `?key=peerjs&id=d%20${tag}&token=t`);
    await peer.until(() => peer.heard.length > 0);
    return peer.types();
  },
  "ID-TAKEN": async (side, tag) => {
    await RawPeer.open(side, `e${tag}`);
    const thief = await RawPeer.open(side, `e${tag}`, "another");
    await thief.until(() => thief.closed);
    return [thief.heard, thief.closed];
  },
  "the same id and token again": async (side, tag) => {
    const first = await RawPeer.open(side, `f${tag}`);
    const again = new RawPeer(side, `?key=peerjs&id=f${tag}&token=t-f${tag}`);
    await again.until(() => again.heard.length > 0, 1_500);
    await first.until(() => first.closed, 1_000);
    return { told: again.types(), "the older socket is closed": first.closed };
  },
  "offer, answer, candidates": async (side, tag) => {
    const [one, two] = [await RawPeer.open(side, `g${tag}`), await RawPeer.open(side, `h${tag}`)];
    const [to, from] = [`h${tag}`, `g${tag}`];
    one.send({
      type: "OFFER",
      dst: to,
      src: "forged",
      payload: media("mc_1", offer, { metadata: { n: 1 } }),
    });
    const rang = await two.hears("OFFER");
    two.send({ type: "ANSWER", dst: from, payload: media("mc_1", answer) });
    const answered = await one.hears("ANSWER");
    one.send({ type: "CANDIDATE", dst: to, payload: media("mc_1", undefined, { candidate }) });
    const trickled = await two.hears("CANDIDATE");
    const text = JSON.stringify([rang, answered, trickled]).replaceAll(tag, "");
    return JSON.parse(text);
  },
  "a data connection": async (side, tag) => {
    const [one, two] = [await RawPeer.open(side, `i${tag}`), await RawPeer.open(side, `j${tag}`)];
    const payload = {
      sdp: offer,
      type: "data",
      connectionId: "dc_1",
      label: "x",
      reliable: true,
      serialization: "json",
    };
    one.send({ type: "OFFER", dst: `j${tag}`, payload });
    return JSON.parse(JSON.stringify(await two.hears("OFFER")).replaceAll(tag, ""));
  },
  "a candidate before the answer": async (side, tag) => {
    const [one, two] = [await RawPeer.open(side, `k${tag}`), await RawPeer.open(side, `l${tag}`)];
    one.send({ type: "OFFER", dst: `l${tag}`, payload: media("mc_1", offer) });
    one.send({ type: "CANDIDATE", dst: `l${tag}`, payload: media("mc_1", undefined, { candidate }) });
    await two.hears("OFFER");
    await Bun.sleep(300);
    return two.types();
  },
  "a candidate of no connection": async (side, tag) => {
    const [one, two] = [await RawPeer.open(side, `m${tag}`), await RawPeer.open(side, `n${tag}`)];
    one.send({ type: "CANDIDATE", dst: `n${tag}`, payload: media("mc_none", undefined, { candidate }) });
    await Bun.sleep(300);
    return two.types();
  },
  "an offer to nobody": async (side, tag) => {
    const peer = await RawPeer.open(side, `o${tag}`);
    peer.send({ type: "OFFER", dst: `nobody${tag}`, payload: media("mc_1", offer) });
    await peer.hears("EXPIRE");
    await Bun.sleep(100);
    return JSON.parse(JSON.stringify(peer.heard).replaceAll(tag, ""));
  },
  "no JSON, and a heartbeat": async (side, tag) => {
    const peer = await RawPeer.open(side, `p${tag}`);
    peer.send("no JSON");
    peer.send({ type: "HEARTBEAT" });
    await Bun.sleep(200);
    return [peer.types(), peer.closed];
  },
  "any other type": async (side, tag) => {
    const [one, two] = [await RawPeer.open(side, `q${tag}`), await RawPeer.open(side, `r${tag}`)];
    one.send({ type: "SPAM", dst: `r${tag}`, payload: "x" });
    await Bun.sleep(300);
    return two.types();
  },
  "LEAVE without a dst": async (side, tag) => {
    const peer = await RawPeer.open(side, `s${tag}`);
    peer.send({ type: "LEAVE" });
    await peer.until(() => peer.closed, 500);
    const other = await RawPeer.open(side, `s${tag}`, "another");
    return other.types();
  },
};

/** What differs, by step; docs/peerjs.md says why. */
const differences = new Set(
  [
    ...readFileSync(fileURLToPath(new URL("../../docs/peerjs.md", import.meta.url)), "utf8").matchAll(
      /^\| ([^|]+?) \|[^|]*\|[^|]*\|[^|]*\|$/gm,
    ),
  ]
    .map(([, name]) => name ?? "")
    .filter((name) => name in steps),
);

describe("the same raw frames at peer 1.0.2 and here", () => {
  let theirs: BenchServer;
  let ours: RunningServer;
  beforeAll(async () => {
    [theirs, ours] = await Promise.all([startPeerjs(), startServer()]);
  });
  afterAll(async () => {
    await theirs?.stop();
    await ours?.stop();
  });

  test("docs/peerjs.md has a table of differences", () => {
    expect(differences.size).toBeGreaterThan(3);
  });

  for (const [name, step] of Object.entries(steps))
    test.concurrent(`${name}: ${differences.has(name) ? "differs, as documented" : "the same"}`, async () => {
      const tag = `x${Math.random().toString(36).slice(2, 8)}x`;
      const [there, here] = await Promise.all([
        step({ http: `http://127.0.0.1:${theirs.port}`, ws: `ws://127.0.0.1:${theirs.port}` }, tag),
        step({ http: `${ours.url}/peerjs`, ws: `${ours.url.replace("http", "ws")}/peerjs` }, tag),
      ]);
      if (process.env.SHOW !== undefined)
        console.log(name, JSON.stringify(there).slice(0, 300), JSON.stringify(here).slice(0, 300));
      if (differences.has(name)) expect(here).not.toEqual(there);
      else expect(here).toEqual(there);
    });
});
