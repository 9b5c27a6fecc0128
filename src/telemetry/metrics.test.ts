import { expect, test } from "bun:test";
import { registerBackplaneMetrics } from "../backplane/metrics.ts";
import { registerClusterMetrics } from "../cluster/metrics.ts";
import { registerGatewayMetrics } from "../gateways/gateway-metrics.ts";
import { CutConnections } from "../net/connection-metrics.ts";
import type { CoreEvent, SessionRecord } from "../signaling/events.ts";
import { Metrics } from "./metrics.ts";

const stats = {
  linksLive: 3,
  linksSuspended: 1,
  devices: 4,
  users: 2,
  sessionsRinging: 5,
  sessionsActive: 6,
  sessionsPublishing: 1,
  sessionsViewing: 2,
  rooms: 7,
  transportsOpen: 8,
  logBytes: 9,
  signals: 10,
};
const record: SessionRecord = {
  session: "s_1",
  kind: "call",
  caller: { user: "alice-secret-name", device: "phone" },
  callee: { user: "bob-secret-name" },
  startedAt: 0,
  acceptedAt: 1_000,
  connectedAt: 1_400,
  endedAt: 61_000,
  reason: "hangup",
  rung: ["d"],
  pairs: 1,
  generations: 1,
};
const who = { user: "alice-secret-name", device: "phone-secret-name" };
const events: CoreEvent[] = [
  { type: "link_opened", ...who, link: "l_1" },
  { type: "link_resumed", ...who, link: "l_1", replayed: 12 },
  { type: "resume_refused", reason: "gap" },
  { type: "link_suspended", ...who, code: 1006 },
  { type: "link_suspended", ...who, code: 65_000 },
  { type: "link_closed", ...who, reason: "client" },
  { type: "transport_refused", code: 4303, reason: "anything at all" },
  { type: "request", request: "call" },
  { type: "request_failed", request: "something a client made up", code: "forbidden" },
  { type: "limit", limit: "watches" },
  {
    type: "session_started",
    kind: "call",
    device: "phone",
    session: "s_1",
    caller: "alice-secret-name",
    callee: "bob-secret-name",
  },
  { type: "session_accepted", session: "s_1", device: "d", after: 250 },
  { type: "session_ended", record },
  { type: "report", session: "s_1", ...who, stats: { state: "connected" } },
  { type: "fault", where: "here", error: new Error("x") },
];

const counts = {
  sent: 1,
  received: 2,
  dropped: 3,
  unreadable: 4,
  requests: { reply: 5, no_responders: 6, timeout: 7, down: 8, too_large: 9 },
};

const cluster = { peers: 2, devices: 5, users: 4, sessions: 1, backlog: 0, malformed: 3 };

async function text(): Promise<string> {
  const metrics = new Metrics(() => stats);
  new CutConnections().register(metrics);
  registerClusterMetrics(metrics, () => cluster);
  registerBackplaneMetrics(metrics, { state: "up" }, () => counts);
  for (const event of events) metrics.observe(event);
  return (await metrics.text()).body;
}

test("what happened is counted", async () => {
  const lines = (await text()).split("\n");
  for (const line of [
    'switchboard_links{state="live"} 3',
    'switchboard_links{state="suspended"} 1',
    'switchboard_sessions{state="ringing"} 5',
    'switchboard_sessions{state="active"} 6',
    "switchboard_users 2",
    "switchboard_devices 4",
    "switchboard_rooms 7",
    "switchboard_transports_open 8",
    "switchboard_log_bytes 1048576",
    "switchboard_signals_total 10",
    "switchboard_links_opened_total 1",
    "switchboard_links_resumed_total 1",
    "switchboard_frames_replayed_total 12",
    'switchboard_resumes_refused_total{reason="gap"} 1',
    'switchboard_links_suspended_total{code="1006"} 1',
    'switchboard_links_suspended_total{code="other"} 1',
    'switchboard_links_closed_total{reason="client"} 1',
    'switchboard_transports_refused_total{code="4303"} 1',
    'switchboard_requests_total{type="call"} 1',
    'switchboard_request_errors_total{code="forbidden"} 1',
    'switchboard_limit_hits_total{limit="watches"} 1',
    "switchboard_sessions_started_total 1",
    'switchboard_sessions_ended_total{kind="call",reason="hangup"} 1',
    "switchboard_accept_seconds_sum 0.25",
    "switchboard_connect_seconds_sum 0.4",
    "switchboard_session_seconds_sum 60",
    "switchboard_faults_total 1",
    "switchboard_backplane_up 1",
    'switchboard_backplane_messages_total{direction="sent"} 1',
    'switchboard_backplane_messages_total{direction="received"} 2',
    'switchboard_backplane_dropped_total{reason="not_sent"} 3',
    'switchboard_backplane_dropped_total{reason="unreadable"} 4',
    'switchboard_backplane_requests_total{outcome="reply"} 5',
    'switchboard_backplane_requests_total{outcome="too_large"} 9',
  ])
    expect(lines).toContain(line);
});

test("no user, device or other text of a client is a label", async () => {
  const all = await text();
  for (const word of ["secret-name", "made up", "anything", "s_1", "l_1"]) expect(all).not.toContain(word);
});

test("what never happened is there as zero, where it has no labels", async () => {
  const { body } = await new Metrics(() => stats).text();
  expect(body).toContain("switchboard_sessions_started_total 0");
  expect(body).toMatch(/^process_resident_memory_bytes [1-9]/m);
  expect(body).toMatch(/^process_cpu_seconds_total [0-9.]+$/m);
  // It took tens of milliseconds.
  expect(body).not.toContain("heap_space");
});

test("parts share a metric, each with labels of its own", async () => {
  const metrics = new Metrics(() => stats);
  const messages = { taken: 1, malformed: 0, sent: 0, unauthorized: 0, limited: 0 };
  let devices = 5;
  registerGatewayMetrics(metrics, "sip", () => ({ devices, calls: 1, connections: 6, messages }));
  registerGatewayMetrics(metrics, "mqtt", () => ({ devices: 7, calls: 2, connections: 8, messages }));
  const scrape = async (at: number): Promise<string[]> => (await metrics.text(at)).body.split("\n");
  const before = await scrape(0);
  for (const line of [
    'switchboard_gateway_devices{gateway="sip"} 5',
    'switchboard_gateway_devices{gateway="mqtt"} 7',
    'switchboard_gateway_calls{gateway="mqtt"} 2',
    'switchboard_gateway_connections{gateway="sip"} 6',
    'switchboard_gateway_messages_total{gateway="sip",kind="taken"} 1',
    'switchboard_gateway_messages_total{gateway="mqtt",kind="taken"} 1',
  ])
    expect(before).toContain(line);
  devices = 3;
  const after = await scrape(1_000);
  expect(after).toContain('switchboard_gateway_devices{gateway="sip"} 3');
  // Told anew at each scrape, and not added up.
  expect(after).toContain('switchboard_gateway_messages_total{gateway="sip",kind="taken"} 1');
});

test("docs/operations.md names every metric, and none that is not there", async () => {
  const operations = await Bun.file(new URL("../../docs/operations.md", import.meta.url)).text();
  const told = new Set([...operations.matchAll(/`(switchboard_\w+)`/g)].map(([, name]) => name));
  const there = new Set([...(await text()).matchAll(/^# TYPE (switchboard_\w+) /gm)].map(([, name]) => name));
  expect([...told].sort()).toEqual([...there].sort());
});

test("it is made once a second, however many ask", async () => {
  let made = 0;
  const metrics = new Metrics(() => stats);
  metrics.gauge("scrapes", "Scrapes.", [], (set) => set(++made));
  const texts = [metrics.text(0), metrics.text(0), metrics.text(999)];
  for (const one of texts) expect((await one).body).toContain("switchboard_scrapes 1\n");
  expect((await metrics.text(1_000)).body).toContain("switchboard_scrapes 2\n");
});
