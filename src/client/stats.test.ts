import { afterEach, expect, setSystemTime, test } from "bun:test";
import { gathered, measure, summarize } from "./stats.ts";

function report(at: number, bytes: number, packets: number, lost: number, more: object = {}): RTCStatsReport {
  const entries = [
    { id: "t", type: "transport", selectedCandidatePairId: "p" },
    { id: "old", type: "candidate-pair", nominated: true, state: "succeeded", bytesSent: 1 },
    {
      id: "p",
      type: "candidate-pair",
      timestamp: at,
      bytesReceived: bytes,
      bytesSent: 2 * bytes,
      currentRoundTripTime: 0.012,
      localCandidateId: "l",
      remoteCandidateId: "r",
      ...more,
    },
    { id: "l", type: "local-candidate", candidateType: "host" },
    { id: "r", type: "remote-candidate", candidateType: "relay" },
    { id: "a", type: "inbound-rtp", packetsReceived: packets, packetsLost: lost, jitter: 0.003 },
    { id: "v", type: "inbound-rtp", packetsReceived: packets, packetsLost: 0, jitter: 0.001 },
    { id: "o", type: "remote-inbound-rtp", fractionLost: 0.25 },
  ];
  return new Map(entries.map((entry) => [entry.id, entry])) as unknown as RTCStatsReport;
}

afterEach(() => void setSystemTime());

test("rates and loss are over the time since the sample before", () => {
  const first = summarize(report(1_000, 1_000, 100, 0));
  expect(first.summary).toMatchObject({
    path: "relay",
    rtt: 12,
    jitter: 3,
    lossIn: 0,
    lossOut: 0.25,
    bitrateIn: 0,
  });
  const { summary } = summarize(report(3_000, 6_000, 140, 20), first.sample);
  expect(summary).toMatchObject({
    lossIn: 0.2,
    bitrateIn: 20_000,
    bitrateOut: 40_000,
    local: "host",
    remote: "relay",
  });
  expect(summarize(report(3_000, 0, 0, 0), first.sample).summary.bitrateIn).toBe(0);
});

test("an implementation that says little gives little, and no NaN", () => {
  const { summary } = summarize(new Map() as unknown as RTCStatsReport);
  expect(summary).toEqual({
    path: undefined,
    rtt: undefined,
    jitter: undefined,
    lossIn: 0,
    lossOut: 0,
    bitrateIn: 0,
    bitrateOut: 0,
    local: undefined,
    remote: undefined,
    packets: { audio: [0, 0], video: [0, 0] },
  });
});

test("candidates are counted by type and transport, relays by the way to the relay", () => {
  const line = (rest: string) => `a=candidate:1 1 ${rest}\r\n`;
  const sdp = [
    "v=0\r\n",
    line("udp 2113937151 192.0.2.1 50000 typ host generation 0"),
    line("udp 2113937151 0b1f.local 50001 typ host generation 0"),
    line("TCP 1518280447 192.0.2.1 9 typ host tcptype active"),
    line("udp 1677729535 203.0.113.7 50000 typ srflx raddr 0.0.0.0 rport 0"),
    line("udp 33562367 198.51.100.9 61000 typ relay raddr 203.0.113.7 rport 50000"),
  ].join("");
  const relay = { id: "c", type: "local-candidate", candidateType: "relay", relayProtocol: "tls" };
  const stats = new Map([[relay.id, relay]]) as unknown as RTCStatsReport;
  expect(gathered(sdp, stats)).toEqual({
    "host/udp": 1,
    "mdns/udp": 1,
    "host/tcp": 1,
    "srflx/udp": 1,
    "relay/tls": 1,
  });
  expect(gathered("", stats)).toBeUndefined();
});

test("a server that has not answered in 6 s of gathering is told of, long before the browser does", async () => {
  const listeners: (() => void)[] = [];
  const iceServers = [{ urls: "stun:s.example" }, { urls: ["turn:t.example"] }];
  const sdp = "a=candidate:1 1 udp 1677729535 203.0.113.7 50000 typ srflx raddr 0.0.0.0 rport 0\r\n";
  const pc = {
    iceGatheringState: "gathering",
    localDescription: { sdp: "" },
    addEventListener: (_type: string, listener: () => void) => listeners.push(listener),
    getConfiguration: () => ({ iceServers }),
    getStats: async () => new Map(),
  };
  const silent = async (at: number) => {
    setSystemTime(at);
    const { summary } = await measure(pc as unknown as RTCPeerConnection, undefined, [], () => {});
    return summary.iceErrors?.map(({ url, code }) => `${code} ${url}`);
  };
  expect(await silent(1_000)).toBeUndefined();
  expect(await silent(6_999)).toBeUndefined();
  expect(await silent(7_000)).toEqual(["701 stun:s.example", "701 turn:t.example"]);
  pc.localDescription.sdp = sdp;
  expect(await silent(7_000)).toEqual(["701 turn:t.example"]);
  // Gathered anew.
  for (const listener of listeners) listener();
  expect(await silent(9_000)).toBeUndefined();
  pc.iceGatheringState = "complete";
  expect(await silent(20_000)).toBeUndefined();
});

test("a connection is closed by the other end where all its DTLS transports are, not where one is that an answer has bundled", async () => {
  const transport = () => Object.assign(new EventTarget(), { state: "connected" });
  const [bundled, spare] = [transport(), transport()];
  const pc = {
    sctp: { transport: spare },
    signalingState: "stable",
    getSenders: () => [{ transport: bundled }, { transport: null }],
    addEventListener: () => {},
    getConfiguration: () => ({}),
    getStats: async () => new Map(),
  };
  let closed = 0;
  const sample = async () =>
    (await measure(pc as unknown as RTCPeerConnection, undefined, [], () => closed++)).summary;
  const close = (one: typeof spare) => {
    one.state = "closed";
    one.dispatchEvent(new Event("statechange"));
  };
  await sample();
  close(spare);
  expect([closed, (await sample()).dtls, "state" in (await sample())]).toEqual([0, "connected", false]);
  close(bundled);
  expect([closed, await sample()]).toEqual([1, expect.objectContaining({ dtls: "closed", state: "closed" })]);
});
