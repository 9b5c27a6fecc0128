import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { RawSocket } from "../support/raw-socket.ts";
import { type RunningServer, startServer } from "../support/server.ts";
import { offer } from "../support/sim-phone.ts";
import { closeAll, device } from "../webrtc/support/parties.ts";
import { eventually } from "./support/parties.ts";
import { RawClient } from "./support/raw-client.ts";

setDefaultTimeout(90_000);

const sdp = offer("abcd");

describe("what a SIP client may not do", () => {
  let server: RunningServer;
  /** Says nothing, from the beginning. */
  let silent: RawClient;
  const clients: RawClient[] = [];
  beforeAll(async () => {
    server = await startServer({
      config: {
        limits: { callsPerMinute: 1, callsBurst: 5, ringsPerPair: 50 },
        sip: { limits: { registerTimeout: 6_000, failuresBurst: 5, failuresPerMinute: 1 } },
      },
    });
    silent = new RawClient(server.url);
  });
  afterAll(() => server.stop());
  afterEach(async () => {
    for (const one of clients.splice(0)) one.close();
    await closeAll();
  });

  function client(): RawClient {
    const made = new RawClient(server.url);
    clients.push(made);
    return made;
  }

  /** Somebody else, for whom all goes on. */
  async function innocent(): Promise<void> {
    const bystander = client();
    await bystander.register("bystander");
    const id = await bystander.ask("OPTIONS", "sip:switchboard.test");
    expect(await bystander.answer(id)).toStartWith("SIP/2.0 200");
  }

  test("speak in another's name", async () => {
    const mallory = client();
    await mallory.register("mallory");
    for (const method of ["INVITE", "MESSAGE", "SUBSCRIBE"]) {
      const id = await mallory.ask(method, "sip:bob@switchboard.test", {
        from: "sip:alice@switchboard.test",
        more: [mallory.contact, "Event: presence", "Content-Type: application/sdp"],
        body: sdp,
      });
      expect(await mallory.answer(id)).toStartWith("SIP/2.0 403");
    }
    const id = await mallory.ask("REGISTER", "sip:switchboard.test", {
      from: "sip:alice@switchboard.test",
      to: "<sip:alice@switchboard.test>",
      more: [mallory.contact],
    });
    expect(await mallory.answer(id)).toStartWith("SIP/2.0 401");
    await innocent();
  });

  test("use an Authorization that was seen before", async () => {
    const alice = client();
    const seen = await alice.register("alice");
    const thief = client();
    const id = await thief.ask("REGISTER", "sip:switchboard.test", {
      to: "<sip:alice@switchboard.test>",
      more: [thief.contact, seen],
    });
    const answer = await thief.answer(id);
    expect(answer).toStartWith("SIP/2.0 401");
    expect(answer).toContain("stale=true");
    await innocent();
  });

  test("guess passwords", async () => {
    const answers: string[] = [];
    for (let n = 0; n < 7; n++)
      await client()
        .register("victim", `wrong ${n}`)
        .catch((error: Error) => answers.push(error.message));
    expect(answers[0]).toStartWith("SIP/2.0 401");
    expect(answers.at(-1)).toStartWith("SIP/2.0 503");
    // Bystanders share the address here, so this one waits for no password.
    const bystander = client();
    const id = await bystander.ask("OPTIONS", "sip:switchboard.test");
    expect(await bystander.answer(id)).toStartWith("SIP/2.0 200");
  });

  test("be nobody for long", async () => {
    await eventually("the connection to be closed", async () => silent.closed !== undefined);
  });

  test("come without the subprotocol", async () => {
    const other = await RawSocket.upgraded(server.port, "/sip", "chat");
    expect(await other.until("\r\n\r\n")).toStartWith("HTTP/1.1 400 ");
    expect(await other.until("at /sip.")).toContain("Offer the WebSocket subprotocol sip at /sip.");
    const one = await RawSocket.upgraded(server.port, "/sip", "sip");
    expect(await one.until("\r\n\r\n")).toStartWith("HTTP/1.1 101 ");
    for (const { socket } of [other, one]) socket.destroy();
  });
});

describe("a SIP client that goes too far harms nobody else", () => {
  let server: RunningServer;
  const clients: RawClient[] = [];
  beforeAll(async () => {
    server = await startServer({
      config: { limits: { callsPerMinute: 1, callsBurst: 5, ringsPerPair: 50 } },
    });
  });
  afterAll(() => server.stop());
  afterEach(async () => {
    for (const one of clients.splice(0)) one.close();
    await closeAll();
  });

  async function registered(user: string): Promise<RawClient> {
    const made = new RawClient(server.url);
    clients.push(made);
    await made.register(user);
    return made;
  }

  async function innocent(): Promise<void> {
    const bystander = await registered("bystander");
    const id = await bystander.ask("OPTIONS", "sip:switchboard.test");
    expect(await bystander.answer(id)).toStartWith("SIP/2.0 200");
  }

  test("a foreign dialog is none", async () => {
    const [alice, mallory] = [await registered("alice"), await registered("mallory")];
    const bob = device(server.url, "bob", "laptop");
    await bob.ready;
    const ring = bob.next("incoming");
    const id = await alice.ask("INVITE", "sip:bob@switchboard.test", {
      more: [alice.contact, "Content-Type: application/sdp"],
      body: sdp,
    });
    bob.on("incoming", () => {});
    await ring;
    await eventually("ringing", async () => alice.heard.some((text) => text.startsWith("SIP/2.0 180")));
    const progress = alice.heard.find((text) => text.startsWith("SIP/2.0 180")) ?? "";
    const to = /^To: (.*)$/m.exec(progress)?.[1]?.trim() ?? "";
    const target = /^Contact: <([^>]+)>/m.exec(progress)?.[1] ?? "";
    for (const method of ["BYE", "INFO", "UPDATE"]) {
      const attack = mallory.ask(method, target, { to, callId: id, from: "sip:alice@switchboard.test" });
      expect(await attack).toBe(id);
    }
    await eventually("answers", async () => mallory.heard.filter((text) => text.includes(id)).length === 3);
    for (const text of mallory.heard.filter((one) => one.includes(id)))
      expect(text).toStartWith("SIP/2.0 481");
    const cancel = await mallory.ask("CANCEL", "sip:bob@switchboard.test", { callId: `${id}-x` });
    expect(await mallory.answer(cancel)).toStartWith("SIP/2.0 481");
    expect([...bob.rings]).toHaveLength(1);
  });

  test("a flood of INVITEs is refused, and tells when to come again", async () => {
    const flooder = await registered("flooder");
    const ids: string[] = [];
    for (let n = 0; n < 60; n++)
      ids.push(
        await flooder.ask("INVITE", "sip:nobody@switchboard.test", {
          from: "sip:flooder@switchboard.test",
          more: [flooder.contact, "Content-Type: application/sdp"],
          body: sdp,
        }),
      );
    await eventually("refusals", async () =>
      flooder.heard.some((text) => text.startsWith("SIP/2.0 503") && /Retry-After: \d/.test(text)),
    );
    const taken = flooder.heard.filter((text) => text.startsWith("SIP/2.0 180")).length;
    expect(taken).toBeLessThanOrEqual(5);
    await innocent();
  });

  test("header bombs and oversized messages are refused", async () => {
    const bomber = await registered("bomber");
    const many = Array.from({ length: 500 }, (_, n) => `X-${n}: y`);
    const id = await bomber.ask("OPTIONS", "sip:switchboard.test", { more: many });
    expect(await bomber.answer(id)).toStartWith("SIP/2.0 400");
    const long = await bomber.ask("OPTIONS", "sip:switchboard.test", { more: [`X: ${"y".repeat(20_000)}`] });
    expect(await bomber.answer(long)).toStartWith("SIP/2.0 400");
    await bomber.say("x".repeat(100_000));
    await bomber.say("\r\n\r\n");
    await eventually("a pong", async () => bomber.heard.includes("\r\n"));
    await innocent();
  });

  test("what the log says of a call holds no SDP, no candidate and no credentials", async () => {
    const text = server.logs.join("\n");
    expect(text).toContain("flooder");
    for (const secret of ["192.0.2.1", "ice-pwd", "dev:", "response=", "m=audio"])
      expect(text).not.toContain(secret);
  });
});
