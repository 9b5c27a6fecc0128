// A phone at one node of a cluster, native devices at others: the real servers on a real NATS.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { ClusterNode } from "../cluster/cluster-node.ts";
import type { Client } from "../conformance/client.ts";
import { hasNats, NatsServer } from "../support/nats-server.ts";
import { signIn } from "../support/sign-in.ts";
import { answer, bare, offer } from "../support/sim-phone.ts";
import { eventually } from "./support/parties.ts";
import { RawClient } from "./support/raw-client.ts";

/** A machine that has other things to do. ms */
const patience = 30_000;

describe.skipIf(!hasNats)("SIP across nodes", () => {
  let nats: NatsServer;
  let nodes: ClusterNode[] = [];
  const phones: RawClient[] = [];
  let users = 0;

  beforeAll(async () => {
    nats = await NatsServer.start();
    nodes = await Promise.all(
      ["n1", "n2", "n3"].map((name) =>
        ClusterNode.start({
          name,
          nats: nats.url,
          settings: { sip: { enabled: true } },
        }),
      ),
    );
  }, 60_000);
  afterAll(async () => {
    for (const phone of phones) phone.close();
    await Promise.all(nodes.map((node) => node.stop()));
    await nats?.stop();
  });

  const http = (n: number) => ({ url: `http://127.0.0.1:${nodes[n]?.port}` });
  const device = (n: number, user: string, id: string): Promise<Client> => signIn(http(n), `dev:${user}`, id);

  async function phone(n: number, user: string): Promise<RawClient> {
    const made = new RawClient(http(n).url);
    phones.push(made);
    await made.register(user);
    return made;
  }

  /** A user whom no other test has to do with. */
  const someone = (name: string) => `${name}${users++}`;

  const request = async (at: RawClient, method: string): Promise<string> => {
    const found = () => at.heard.find((text) => text.startsWith(`${method} `));
    await eventually(`${method} at the phone`, async () => found() !== undefined, patience);
    return found() as string;
  };

  /** Rings somebody, with an offer. */
  async function ring(caller: Client, to: string): Promise<string> {
    const { session } = await caller.ok("call", { to });
    await caller.push("offer_wanted", { session }, patience);
    const description = { type: "offer", sdp: bare(offer("native")) };
    caller.fire("signal", { session, pair: 1, generation: 1, description, endOfCandidates: true });
    return session;
  }

  /** The phone answers, and the caller takes it. */
  async function pickUp(at: RawClient, caller: Client, session: string): Promise<void> {
    await respond(at, await request(at, "INVITE"), 200, answer("phone"));
    const { device: id } = await caller.push("accepted", { session }, patience);
    await caller.ok("confirm", { session, device: id });
    await request(at, "ACK");
  }

  test("a phone is seen, rung and hung up on by a device of another node", async () => {
    const [sam, alice] = [someone("sam"), someone("alice")];
    const watcher = await device(2, someone("walt"), "web");
    await watcher.ok("watch", { users: [sam] });
    const desk = await phone(0, sam);
    await watcher.expect(
      "the phone in presence",
      ({ type, devices }) => type === "presence" && devices.length === 1 && devices[0].kind === "phone",
      patience,
    );
    const caller = await device(1, alice, "web");
    const session = await ring(caller, sam);
    await pickUp(desk, caller, session);
    expect((await caller.expect("the answer", ({ type }) => type === "signal", patience)).session).toBe(
      session,
    );
    caller.fire("hangup", { session });
    await respond(desk, await request(desk, "BYE"), 200);
    desk.close();
    await watcher.push("presence", { user: sam, devices: [] }, patience);
  });

  test("a phone calls a device of another node, and hangs up", async () => {
    const [sam, bob] = [someone("sam"), someone("bob")];
    const callee = await device(1, bob, "web");
    const desk = await phone(0, sam);
    const call = await desk.ask("INVITE", `sip:${bob}@switchboard.test`, {
      from: `sip:${sam}@switchboard.test`,
      more: [desk.contact, "Content-Type: application/sdp"],
      body: offer(),
    });
    const { session } = await callee.push("incoming", {}, patience);
    await callee.ok("accept", { session });
    const description = { type: "answer", sdp: bare(answer()) };
    callee.fire("signal", { session, pair: 1, generation: 1, description, endOfCandidates: true });
    const taken = await desk.answer(call);
    expect(taken).toStartWith("SIP/2.0 200");
    const dialog = {
      from: `sip:${sam}@switchboard.test`,
      to: /^To: (.*)$/m.exec(taken)?.[1]?.trim() ?? "",
      callId: call,
      more: [desk.contact],
    };
    const target = /^Contact: <([^>]+)>/m.exec(taken)?.[1] ?? "";
    await desk.ask("ACK", target, dialog);
    await desk.ask("BYE", target, dialog);
    await callee.push("ended", { session, reason: "hangup" }, patience);
  });

  test("a ring at a phone and a laptop of two nodes has one winner", async () => {
    for (const winner of ["phone", "laptop"]) {
      const [sam, alice] = [someone("sam"), someone("alice")];
      const laptop = await device(0, sam, "laptop");
      const desk = await phone(1, sam);
      const caller = await device(2, alice, "web");
      const session = await ring(caller, sam);
      await laptop.push("incoming", { session }, patience);
      const invite = await request(desk, "INVITE");
      await respond(desk, invite, 180);
      if (winner === "phone") {
        await pickUp(desk, caller, session);
        await laptop.push("ended", { session, reason: "answered_elsewhere" }, patience);
      } else {
        const accept = laptop.fire("accept", { session });
        await caller.push("accepted", { session, device: "laptop" }, patience);
        await caller.ok("confirm", { session, device: "laptop" });
        expect((await laptop.reply(accept)).ok).toMatchObject({ session });
        await request(desk, "CANCEL");
      }
      await caller.ok("hangup", { session });
      if (winner === "phone") await request(desk, "BYE");
      else await laptop.push("ended", { session, reason: "hangup" }, patience);
    }
  });

  test("the node of the device dies in mid-call: it finds the call again at another, and the phone hears its hang-up", async () => {
    const [sam, alice] = [someone("sam"), someone("alice")];
    const desk = await phone(0, sam);
    const caller = await device(1, alice, "web");
    const session = await ring(caller, sam);
    await pickUp(desk, caller, session);
    const ticket = caller.frames.findLast((frame) => (frame.ticket ?? frame.ok?.ticket) !== undefined);
    const heard = desk.heard.length;
    await nodes[1]?.kill();
    const again = await signIn(http(2), `dev:${alice}`, "web", {
      sessions: [ticket?.ticket ?? ticket?.ok.ticket],
    });
    expect(again.welcome).toMatchObject({ sessions: [session] });
    await again.push("session", { session, state: "active" }, patience);
    expect(desk.heard.length).toBe(heard);
    await again.ok("hangup", { session });
    await request(desk, "BYE");
    await nodes[1]?.start();
  });

  test("a phone that lost its node registers at another at once, and is rung there", async () => {
    const [sam, alice] = [someone("sam"), someone("alice")];
    const instance = `+sip.instance="<urn:uuid:${crypto.randomUUID()}>"`;
    const first = new RawClient(http(0).url, "sip", instance);
    const caller = await device(2, alice, "web");
    phones.push(first);
    await first.register(sam);
    await caller.ok("watch", { users: [sam] });
    await caller.expect(
      "the phone",
      ({ type, devices }) => type === "presence" && devices.length === 1,
      patience,
    );
    for (const n of [1, 2, 0]) {
      // Its former connection still stands, as far as that node knows.
      const next = new RawClient(http(n).url, "sip", instance);
      phones.push(next);
      await next.register(sam);
      const session = await ring(caller, sam);
      await respond(next, await request(next, "INVITE"), 486);
      await caller.push("ended", { session, reason: "busy" }, patience);
    }
  });
});

/** Responds to a request as a phone does. */
async function respond(at: RawClient, request: string, status: number, body = ""): Promise<void> {
  const lines = request.split("\r\n");
  const line = (name: string) => lines.find((one) => one.startsWith(`${name}: `)) ?? "";
  const to = line("To");
  const response = [
    `SIP/2.0 ${status} Whatever`,
    ...lines.filter((one) => one.startsWith("Via: ")),
    line("From"),
    to.includes("tag=") ? to : `${to};tag=${at.name}`,
    line("Call-ID"),
    line("CSeq"),
    at.contact,
    ...(body === "" ? [] : ["Content-Type: application/sdp"]),
    `Content-Length: ${Buffer.byteLength(body)}`,
  ];
  await at.say(`${response.join("\r\n")}\r\n\r\n${body}`);
}
