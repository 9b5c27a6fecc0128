import { expect, test } from "bun:test";
import { command } from "../../support/command.ts";
import { startServer } from "../../support/server.ts";
import { signIn } from "../../support/sign-in.ts";

const secret = "signing-secret-that-nobody-may-see-0123456789";
const turn = {
  external: ["turn:turn.example:3478"],
  secret: "turn-secret-that-nobody-may-see",
  ttl: 600_000,
};
const env = { SWITCHBOARD_TOKENS_SECRET: secret };
const sdp = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=sdp-that-nobody-may-see\r\n";
const candidate = "candidate:1 1 udp 1 203.0.113.77 4711 typ host";

test("a call leaves no token, secret, SDP, candidate or message in the log, and its figures in the metrics", async () => {
  const token = (user: string) => command(["token", "--user", user, "--grants", "all"], env).out.trim();
  const [aliceToken, bobToken] = [token("alice"), token("bob")];
  const server = await startServer({
    config: {
      dev: false,
      tokens: { secret },
      turn,
      metricsToken: "metrics-token-that-nobody-may-see",
      log: { level: "trace", format: "json" },
    },
  });
  const alice = await signIn(server, aliceToken, "laptop");
  const bob = await signIn(server, bobToken, "phone");
  expect(alice.welcome.iceServers[0].urls).toEqual(turn.external);

  const { session } = await alice.ok("call", {
    to: "bob",
    description: { type: "offer", sdp },
    data: { note: "data-that-nobody-may-see" },
  });
  await bob.push("incoming", { session });
  await bob.ok("ringing", { session });
  const accept = bob.fire("accept", { session, description: { type: "answer", sdp } });
  const accepted = await alice.push("accepted", { session });
  await alice.ok("confirm", { session, device: accepted.device });
  const { ok } = await bob.reply(accept);
  alice.fire("signal", { session, pair: ok.pair, generation: ok.generation, candidates: [{ candidate }] });
  await bob.push("signal", { session });
  await alice.ok("send", { to: "bob", body: "message-that-nobody-may-see" });
  await bob.push("message");
  await alice.fails("no_session", "hangup", { session: "s_other" });
  await bob.ok("hangup", { session });
  await alice.push("ended", { session });
  await expect(signIn(server, `${aliceToken}x`)).rejects.toThrow("4303");
  alice.send({
    id: alice.nextId++,
    type: "send",
    to: "bob",
    body: "text-of-a-frame-that-nobody-may-see",
    broken: "\u0000",
  });
  alice.sendText("text-of-a-frame-that-nobody-may-see");
  await alice.closed();

  const unauthorized = await fetch(`${server.url}/metrics`);
  expect(unauthorized.status).toBe(401);
  const headers = { Authorization: "Bearer metrics-token-that-nobody-may-see" };
  const metrics = await (await fetch(`${server.url}/metrics`, { headers })).text();
  await server.stop();

  const log = server.logs.join("\n");
  expect(log).toContain('"msg":"session ended"');
  expect(log).toContain('"user":"alice"');
  const hidden = [
    aliceToken,
    bobToken,
    aliceToken.split(".")[2],
    secret,
    turn.secret,
    alice.welcome.secret,
    bob.welcome.secret,
  ];
  hidden.push(alice.welcome.iceServers[0].credential, "nobody-may-see", "203.0.113.77", "v=0", "candidate:");
  for (const text of hidden) {
    expect(text?.length).toBeGreaterThan(2);
    expect(log).not.toContain(String(text));
  }

  for (const line of [
    'switchboard_sessions_ended_total{kind="call",reason="hangup"} 1',
    'switchboard_requests_total{type="call"} 1',
    'switchboard_request_errors_total{code="no_session"} 1',
    'switchboard_transports_refused_total{code="4303"} 1',
    "switchboard_accept_seconds_count 1",
    "switchboard_links_opened_total 2",
    "switchboard_faults_total 0",
  ])
    expect(metrics.split("\n")).toContain(line);
  expect(metrics).toMatch(/switchboard_signals_total [1-9]/);
  for (const text of ["alice", "bob", "laptop", session, "nobody-may-see"])
    expect(metrics).not.toContain(text);
});
