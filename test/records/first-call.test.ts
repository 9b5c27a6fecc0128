import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { createServer, type Server } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { idHeader, signatureHeader, timestampHeader } from "../../src/net/standard-webhooks.ts";
import type { Finding } from "../../src/records/diagnosis/finding.ts";
import type { CallRecord } from "../../src/records/record.ts";
import { api } from "../api/support.ts";
import { freePort } from "../support/free-port.ts";
import { installPeers } from "../support/peers.ts";
import { run } from "../support/run.ts";
import { commandLine } from "../support/runtimes.ts";
import { type RunningServer, startServer } from "../support/server.ts";
import { camera, closeAll, device, until } from "../webrtc/support/parties.ts";

const secret = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;
interface Verifier {
  verify(body: string, headers: Record<string, string>): unknown;
}
const { Webhook } = createRequire(`${installPeers()}package.json`)("standardwebhooks") as {
  readonly Webhook: new (secret: string) => Verifier;
};

interface Received {
  readonly id: string;
  readonly event: {
    readonly type: string;
    readonly timestamp: string;
    readonly data: Record<string, unknown>;
  };
}

let server: RunningServer;
let receiver: Server;
let adminPort: number;
const received: Received[] = [];
/** How many answers are errors before one is taken. */
let failing = 0;

beforeAll(async () => {
  receiver = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk) => {
      body += chunk;
    });
    request.on("end", () => {
      if (failing > 0) {
        failing -= 1;
        response.writeHead(500).end();
        return;
      }
      // Throws where the signature is wrong.
      const event = new Webhook(secret).verify(body, request.headers as Record<string, string>);
      received.push({ id: String(request.headers[idHeader]), event: event as Received["event"] });
      expect(request.headers[signatureHeader]).toMatch(/^v1,\S+$/);
      expect(Math.abs(Number(request.headers[timestampHeader]) * 1_000 - Date.now())).toBeLessThan(300_000);
      response.end();
    });
  });
  await new Promise<void>((listening) => receiver.listen(0, "127.0.0.1", listening));
  const { port } = receiver.address() as AddressInfo;
  adminPort = await freePort();
  server = await startServer({
    config: {
      limits: { unreachableAfter: 500 },
      admin: { port: adminPort },
      webhooks: [{ url: `http://localhost:${port}/hook`, secret, events: ["session.*"] }],
    },
  });
});
afterAll(async () => {
  await server.stop();
  receiver.close();
});
afterEach(closeAll);

async function recordOf(session: string): Promise<{ record: CallRecord; diagnosis: Finding[] }> {
  const answered = await api({ url: `http://127.0.0.1:${adminPort}` })("GET", `/records/${session}`);
  expect(answered.status).toBe(200);
  const { diagnosis, ...record } = answered.body;
  return { record, diagnosis };
}

const told = (session: string): Received[] => received.filter(({ event }) => event.data.session === session);
const ended = (session: string) => told(session).find(({ event }) => event.type === "session.ended");

test("a call leaves a record with its ladder and a diagnosis, and its end arrives by webhook", async () => {
  const alice = device(server.url, "alice", "laptop");
  const bob = device(server.url, "bob", "phone");
  const answered = bob.next("incoming").then(async (ring) => ring.accept({ media: await camera() }));
  await bob.ready;
  const call = alice.call("bob", { media: await camera() });
  const theirs = await answered;
  await Promise.all([call.connected, theirs.connected]);
  const session = String(call.id);

  const live = await recordOf(session);
  expect(live.record).toMatchObject({ session, state: "active", kind: "call" });

  await call.hangup();
  await until(() => ended(session) !== undefined, "session.ended");
  expect(ended(session)?.event.data).toMatchObject({
    reason: "hangup",
    caller: { user: "alice", device: "laptop" },
    callee: { user: "bob", device: "phone" },
    by: { user: "alice", device: "laptop" },
    cause: "no_fault",
  });
  const order = told(session).map(({ event }) => event.type);
  expect(order).toEqual([
    "session.started",
    "session.ringing",
    "session.accepted",
    "session.connected",
    "session.ended",
  ]);
  expect(told(session).map(({ event }) => event.data.n)).toEqual([1, 2, 3, 4, 5]);
  expect(told(session).map(({ id }) => id)).toEqual([1, 2, 3, 4, "ended"].map((n) => `${session}_${n}`));

  const { record, diagnosis } = await recordOf(session);
  expect(record).toMatchObject({ state: "ended", reason: "hangup" });
  expect(record.legs.map(({ user, device, side, protocol }) => [user, device, side, protocol])).toEqual([
    ["alice", "laptop", "caller", "native"],
    ["bob", "phone", "callee", "native"],
  ]);
  for (const { last } of record.legs) {
    expect(Object.keys(last?.candidates ?? {}).some((name) => name.startsWith("host/"))).toBe(true);
    expect(last).toMatchObject({ dtls: "connected", ice: expect.stringMatching(/^(connected|completed)$/) });
    expect(last?.packets?.audio?.length).toBe(2);
  }
  const steps = record.ladder.map(({ from, to, type }) => `${from} ${type} ${to}`);
  const wanted = [
    "alice/laptop call server",
    "server incoming bob/phone",
    "bob/phone ringing server",
    "server ringing alice/laptop",
    "bob/phone accept server",
    "server accepted alice/laptop",
    "alice/laptop confirm server",
    "alice/laptop hangup server",
    "server ended bob/phone",
  ];
  expect(steps.filter((step) => wanted.includes(step))).toEqual(wanted);
  expect(record.ladder.find(({ type }) => type === "call")).toMatchObject({ outcome: "ok", note: "bob" });
  expect(record.ladder.find(({ type }) => type === "accept")).toMatchObject({ outcome: "ok" });
  expect(
    record.ladder.some(({ candidates }) =>
      Object.keys(candidates ?? {}).some((name) => name.startsWith("host/")),
    ),
  ).toBe(true);
  expect(
    record.ladder.some(
      ({ description }) =>
        description?.type === "offer" && description.media.some(({ kind }) => kind === "audio"),
    ),
  ).toBe(true);
  expect(record.ladder.map(({ at }) => at)).toEqual(
    record.ladder.map(({ at }) => at).sort((one, other) => one - other),
  );
  expect(diagnosis.map(({ code, certainty }) => [code, certainty])).toEqual([["no_fault", "certain"]]);
  // No address, no secret: only what the settings keep.
  expect(JSON.stringify(record)).not.toMatch(/127\.0\.0\.1|ice-pwd|candidate:/);
});

test("a call that nobody answers says so, and one to nobody too", async () => {
  const alice = device(server.url, "alice", "laptop");
  const bob = device(server.url, "bob", "phone");
  const rings = bob.next("incoming");
  await bob.ready;
  const call = alice.call("bob", { media: false, timeout: 1_000 });
  await rings;
  expect(await call.ended).toMatchObject({ reason: "no_answer" });
  const session = String(call.id);
  await until(() => ended(session) !== undefined, "session.ended");
  const { diagnosis } = await recordOf(session);
  expect(diagnosis[0]).toMatchObject({ code: "no_answer", certainty: "certain" });
  expect(diagnosis[0]?.text).toMatch(/^bob\/phone rang for 1(\.\d)? s and was not answered\.$/);

  const other = alice.call("nobody", { media: false });
  expect(await other.ended).toMatchObject({ reason: "unreachable" });
  const id = String(other.id);
  await until(() => ended(id) !== undefined, "session.ended");
  expect((await recordOf(id)).diagnosis[0]).toMatchObject({ code: "not_there", certainty: "certain" });
});

test("an event that was not taken is sent again, before the next of its session", async () => {
  const alice = device(server.url, "alice", "laptop");
  await alice.ready;
  failing = 1;
  const call = alice.call("nobody-else", { media: false });
  await call.ended;
  const session = String(call.id);
  await until(() => ended(session) !== undefined, "session.ended");
  expect(told(session).map(({ event }) => event.type)).toEqual(["session.started", "session.ended"]);
});

test("the command prints a record for people", async () => {
  const { body } = await api({ url: `http://127.0.0.1:${adminPort}` })("GET", "/records?user=bob");
  const records: { session: string; reason: string }[] = body.items;
  expect(records.map(({ reason }) => reason)).toEqual(["no_answer", "hangup"]);
  const output = run(
    process.execPath,
    [commandLine("bun"), "record", records[1]?.session ?? "", "--admin.port", String(adminPort)],
    { cwd: "." },
  );
  expect(output).toContain("(certain, no_fault)");
  expect(output).toMatch(/alice\/laptop → server +call +bob .*→ ok/);
});
