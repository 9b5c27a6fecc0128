import { describe, expect, test } from "bun:test";
import { Deadlines } from "../../shared/deadlines.ts";
import type { ClientUser } from "./client-transaction.ts";
import type { Flow } from "./flow.ts";
import { makeResponse, type SipMessage, type SipRequest } from "./message.ts";
import { parseMessage } from "./parser.ts";
import type { ServerTransaction } from "./server-transaction.ts";
import { Transactions } from "./transactions.ts";

/** A transaction layer with a simulated clock, over a flow that may lose messages or not. */
class Layer {
  now = 0;
  readonly deadlines = new Deadlines();
  readonly sent: SipMessage[] = [];
  readonly taken: ServerTransaction[] = [];
  readonly acknowledged: SipRequest[] = [];
  readonly told: (number | string)[] = [];
  readonly transactions: Transactions;
  readonly flow: Flow;

  constructor(reliable: boolean, most = 64) {
    const clock = {
      after: (ms: number, now: number, due: (now: number) => void) => this.deadlines.add(now + ms, due),
    };
    this.transactions = new Transactions(
      clock,
      {
        request: (transaction) => this.taken.push(transaction),
        acknowledged: (request) => this.acknowledged.push(request),
      },
      most,
    );
    this.flow = {
      id: 1,
      transport: reliable ? "TCP" : "UDP",
      reliable,
      host: "us.invalid",
      port: undefined,
      address: "127.0.0.1",
      open: true,
      send: (message) => void this.sent.push(message),
      close: () => {},
    };
  }

  pass(ms: number): void {
    const end = this.now + ms;
    for (let next = this.deadlines.next; next !== undefined && next <= end; next = this.deadlines.next) {
      this.now = next;
      this.deadlines.run(next);
    }
    this.now = end;
  }

  receive(method: string, branch = "z9hG4bK1", tag = ""): boolean {
    return this.transactions.receiveRequest(request(method, branch, tag), this.flow, this.now);
  }

  send(method: string): SipRequest {
    const made = request(method, "z9hG4bK9");
    const user: ClientUser = {
      response: ({ status }) => this.told.push(status),
      failed: (why) => this.told.push(why),
    };
    this.transactions.send(made, this.flow, user, this.now);
    return made;
  }

  hear(made: SipRequest, status: number): void {
    this.transactions.receiveResponse(makeResponse(made, status, { toTag: "t" }), this.flow, this.now);
  }
}

function request(method: string, branch: string, tag = ""): SipRequest {
  const parsed = parseMessage(
    `${method} sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP c;branch=${branch}\r\nFrom: <sip:c@d>;tag=f\r\nTo: <sip:a@b>${tag}\r\nCall-ID: i\r\nCSeq: 1 ${method}\r\n\r\n`,
  );
  if (!parsed.ok || parsed.value.kind !== "request") throw new Error("no request");
  return parsed.value;
}

describe("a server transaction", () => {
  test("answers a repeated request with the same response, and hands it up once", () => {
    const layer = new Layer(false);
    layer.receive("OPTIONS");
    layer.receive("OPTIONS");
    expect(layer.taken).toHaveLength(1);
    expect(layer.sent).toEqual([]);
    layer.taken[0]?.respond(makeResponse(layer.taken[0].request, 200), layer.now);
    layer.receive("OPTIONS");
    expect(layer.sent).toHaveLength(2);
    layer.pass(32_000);
    layer.receive("OPTIONS");
    expect(layer.taken).toHaveLength(2);
  });

  test("sends a refusal of an INVITE again until its ACK, where messages may be lost (timers G, H, I)", () => {
    for (const reliable of [false, true]) {
      const layer = new Layer(reliable);
      layer.receive("INVITE");
      layer.taken[0]?.respond(makeResponse(request("INVITE", "z9hG4bK1"), 486), layer.now);
      layer.pass(7_500);
      expect(layer.sent).toHaveLength(reliable ? 1 : 5);
      layer.receive("ACK");
      layer.pass(60_000);
      expect(layer.sent).toHaveLength(reliable ? 1 : 5);
      expect(layer.acknowledged).toEqual([]);
      expect(layer.deadlines.size).toBe(0);
    }
  });

  test("hands up the ACK of a 2xx, and absorbs the INVITE that comes again (RFC 6026)", () => {
    const layer = new Layer(false);
    layer.receive("INVITE");
    layer.taken[0]?.respond(makeResponse(request("INVITE", "z9hG4bK1"), 200), layer.now);
    layer.receive("INVITE");
    expect([layer.taken.length, layer.sent.length]).toEqual([1, 1]);
    layer.receive("ACK", "z9hG4bK2");
    expect(layer.acknowledged).toHaveLength(1);
  });

  test("is found by a CANCEL, but not by that of another", () => {
    const layer = new Layer(true);
    layer.receive("INVITE");
    const found = (branch: string) => layer.transactions.cancelled(request("CANCEL", branch), layer.flow);
    expect(found("z9hG4bK1")).toBe(layer.taken[0]!);
    expect(found("z9hG4bK2")).toBeUndefined();
  });

  test("is one of a bounded number", () => {
    const layer = new Layer(true, 3);
    expect([1, 2, 3, 4].map((n) => layer.receive("MESSAGE", `z9hG4bK${n}`))).toEqual([
      true,
      true,
      true,
      false,
    ]);
    layer.transactions.closed(layer.flow, layer.now);
    expect(layer.receive("MESSAGE", "z9hG4bK5")).toBe(true);
  });
});

describe("a client transaction", () => {
  test("sends an INVITE again until there is an answer (timers A, B), any other at most each 4 s (E, F)", () => {
    for (const [method, times] of [
      ["INVITE", 7],
      ["MESSAGE", 11],
    ] as const) {
      const layer = new Layer(false);
      layer.send(method);
      layer.pass(32_000);
      expect(layer.sent).toHaveLength(times);
      expect(layer.told).toEqual(["timeout"]);
    }
  });

  test("acknowledges a refusal, again for each that comes again (timer D)", () => {
    const layer = new Layer(false);
    const made = layer.send("INVITE");
    layer.hear(made, 180);
    layer.pass(60_000);
    layer.hear(made, 486);
    layer.hear(made, 486);
    const acknowledgements = layer.sent.filter((one) => one.kind === "request" && one.method === "ACK");
    expect(acknowledgements).toHaveLength(2);
    expect(acknowledgements[0]?.via.branch).toBe(made.via.branch);
    expect(layer.told).toEqual([180, 486]);
    layer.pass(32_000);
    expect(layer.deadlines.size).toBe(0);
  });

  test("tells of each 2xx to an INVITE, and acknowledges none (timer M)", () => {
    const layer = new Layer(true);
    const made = layer.send("INVITE");
    layer.hear(made, 200);
    layer.hear(made, 200);
    expect(layer.told).toEqual([200, 200]);
    expect(layer.sent).toHaveLength(1);
    layer.pass(32_000);
    layer.hear(made, 200);
    expect(layer.told).toEqual([200, 200]);
  });

  test("fails with its flow, once", () => {
    const layer = new Layer(true);
    layer.send("MESSAGE");
    layer.transactions.closed(layer.flow, layer.now);
    layer.pass(60_000);
    expect(layer.told).toEqual(["transport"]);
    expect(layer.deadlines.size).toBe(0);
  });
});
