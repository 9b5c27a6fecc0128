import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import wrtc from "@roamhq/wrtc";
import { type Call, type IncomingCall, SwitchboardError } from "../../src/client/index.ts";
import { type RunningServer, startServer } from "../support/server.ts";
import { camera, closeAll, device, frames, until } from "./support/parties.ts";

let server: RunningServer;
beforeAll(async () => {
  server = await startServer({ config: { limits: { unreachableAfter: 500 } } });
});
afterAll(() => server.stop());
afterEach(closeAll);

test("two devices see each other and talk over a data channel", async () => {
  const alice = device(server.url, "alice", "laptop");
  const bob = device(server.url, "bob", "phone");
  const answered = bob.next("incoming").then(async (ring) => {
    expect(ring.from).toMatchObject({ user: "alice", device: "laptop", kind: "desktop" });
    expect(ring.wants).toEqual({ audio: true, video: true });
    expect(ring.data).toEqual({ subject: "tea" });
    return ring.accept({ media: await camera() });
  });
  await bob.ready;
  const call = alice.call("bob", { media: await camera(), data: { subject: "tea" } });
  const remote = call.remote;
  const chat = call.channel("chat");
  const said = chat.send("hello");
  const theirs = await answered;
  await Promise.all([call.connected, theirs.connected]);
  expect([call.state, theirs.state]).toEqual(["connected", "connected"]);
  await Promise.all([frames(call.remote), frames(theirs.remote)]);
  expect(call.remote).toBe(remote);
  expect(
    call.remote
      .getTracks()
      .map(({ kind }) => kind)
      .sort(),
  ).toEqual(["audio", "video"]);
  expect(theirs.remoteMuted).toEqual({ audio: false, video: false });

  const line = await theirs.next("channel");
  expect(line.label).toBe("chat");
  await said;
  const heard = line[Symbol.asyncIterator]();
  expect((await heard.next()).value).toBe("hello");
  await line.send(new Uint8Array([1, 2, 3]).buffer);
  for await (const bytes of chat) {
    expect([...new Uint8Array(bytes as ArrayBuffer)]).toEqual([1, 2, 3]);
    break;
  }
  expect(await call.stats()).toMatchObject({ path: "direct" });

  await call.hangup("bye");
  expect(await call.ended).toMatchObject({ reason: "hangup", by: { user: "alice" }, detail: "bye" });
  expect(await theirs.ended).toMatchObject({ reason: "hangup", by: { user: "alice" }, detail: "bye" });
  expect((await heard.next()).done).toBe(true);
  expect([alice.calls.size, bob.calls.size]).toEqual([0, 0]);
});

test("both ends open the same channel at once, and nothing is lost or overtaken", async () => {
  const { call, theirs } = await talk({ media: false });
  const mine = call.channel("race");
  const his = theirs.channel("race");
  // One first: of several that come before its `datachannel` event, @roamhq/wrtc 0.10 lets the last overtake the others.
  void mine.send("a");
  void his.send("b");
  expect([await read(his, 1), await read(mine, 1)]).toEqual([["a"], ["b"]]);
  for (let n = 0; n < 50; n++) void mine.send(`a${n}`);
  for (let n = 0; n < 50; n++) void his.send(`b${n}`);
  expect(await read(his, 50)).toEqual(Array.from({ length: 50 }, (_, n) => `a${n}`));
  expect(await read(mine, 50)).toEqual(Array.from({ length: 50 }, (_, n) => `b${n}`));
});

test("the callee opens the first channel while the caller adds a camera: both come, and the offers come to an end", async () => {
  const [alice, bob] = [device(server.url, "alice", "laptop"), device(server.url, "bob", "phone")];
  await bob.ready;
  const ring = bob.next("incoming");
  const call = alice.call("bob", { media: false });
  const theirs = await (await ring).accept({ media: false });
  await Promise.all([call.connected, theirs.connected]);
  let offers = 0;
  for (const client of [alice, bob])
    client.on("frame", ({ out, frame }) => {
      if (out && (frame.description as { type?: string } | undefined)?.type === "offer") offers++;
    });
  const chat = theirs.channel("chat");
  await Promise.all([call.setMedia(await camera()), chat.send("hello")]);
  expect(await read(await call.next("channel"), 1)).toEqual(["hello"]);
  await frames(theirs.remote);
  const before = offers;
  expect(before).toBeLessThanOrEqual(5);
  await chat.send("more");
  await frames(theirs.remote, 10);
  expect(offers).toBe(before);
});

test("a channel that one end closes ends at the other, and a new one of its name begins", async () => {
  const { call, theirs } = await talk({ media: false });
  const out = call.channel("note");
  await out.send("last words");
  const line = await theirs.next("channel");
  expect(await read(line, 1)).toEqual(["last words"]);
  await out.close();
  expect(await read(line, 1)).toEqual([]);
  await expect(line.send("too late")).rejects.toMatchObject({ code: "closed" });
  const again = theirs.channel("note");
  expect(again).not.toBe(line);
  await again.send("anew");
  expect(await read(await call.next("channel"), 1)).toEqual(["anew"]);
});

test("a reader that does not keep up is told so; a writer waits instead of piling up", async () => {
  const { call, theirs } = await talk({ media: false });
  const out = call.channel("bulk");
  await out.send("first");
  const line = await theirs.next("channel");
  const block = new Uint8Array(65_536).buffer;
  const writing = (async () => {
    for (let n = 0; n < 1_000; n++) await out.send(block);
  })();
  await expect(writing).rejects.toMatchObject({ code: "closed" });
  const reading = (async () => {
    for await (const data of line) expect(data).toBeDefined();
  })();
  await expect(reading).rejects.toMatchObject({ code: "overflow" });
  await expect(out.send("more")).rejects.toMatchObject({ code: "closed" });
  expect(call.state).toBe("connected");
});

test("what goes out of use is let go: `await using` hangs up and closes; the server hears how the media did", async () => {
  const reports: unknown[] = [];
  const bob = device(server.url, "bob", "phone");
  await bob.ready;
  const ring = bob.next("incoming");
  let theirs: Call;
  {
    await using alice = device(server.url, "alice", "laptop");
    alice.on("frame", ({ out, frame }) => {
      if (out && frame.type === "report")
        reports.push((frame.stats as { state: string; pair: number }).state);
    });
    await using call = alice.call("bob", { media: false });
    theirs = await (await ring).accept({ media: false });
    await call.connected;
  }
  expect((await theirs.ended).reason).toBe("hangup");
  expect(reports).toContain("connected");
});

test("who was muted is told, a camera can be added later, hold stops both directions", async () => {
  const { call, theirs } = await talk({ media: false });
  expect(theirs.remoteMuted).toEqual({ audio: true, video: true });
  const media = await camera();
  await call.setMedia(media);
  await frames(theirs.remote);
  expect(theirs.remoteMuted).toEqual({ audio: false, video: false });
  await media.mute("audio");
  await until(() => theirs.remoteMuted.audio, "the mute at the other end");
  expect(theirs.remoteMuted.video).toBe(false);
  await media.mute("audio", false);
  await until(() => !theirs.remoteMuted.audio, "the end of the mute");

  await theirs.hold();
  await until(() => call.remoteMuted.audio && theirs.remote.getTracks().length === 0, "the hold");
  expect(theirs.held).toBe(true);
  await theirs.hold(false);
  await frames(theirs.remote);
  expect(call.remote.getTracks().length).toBe(0);
});

test("the callee's camera is seen by a caller that has none", async () => {
  const { call } = await talk({ media: false }, await camera());
  await frames(call.remote);
});

test("every device rings, the first to answer has the call, the others learn which", async () => {
  const alice = device(server.url, "alice", "laptop");
  const [phone, tablet] = ["phone", "tablet"].map((id) => device(server.url, "bob", id)) as [
    typeof alice,
    typeof alice,
  ];
  await Promise.all([phone.ready, tablet.ready]);
  const rings = Promise.all([phone.next("incoming"), tablet.next("incoming")]);
  const call = alice.call("bob", { media: false });
  const [onPhone, onTablet] = await rings;
  await until(() => call.ringing.length === 2, "both devices to alert");
  const late = device(server.url, "bob", "watch");
  const onWatch = await late.next("incoming");
  expect(onWatch.id).toBe(onPhone.id);
  const both = await Promise.allSettled([
    onPhone.accept({ media: false }),
    onTablet.accept({ media: false }),
  ]);
  const won = both.filter(({ status }) => status === "fulfilled");
  expect(won.length).toBe(1);
  await call.connected;
  const winner = call.peer.device as string;
  const [lost] = both.filter(({ status }) => status === "rejected") as PromiseRejectedResult[];
  expect(lost?.reason).toBeInstanceOf(SwitchboardError);
  for (const [ring, id] of [
    [onPhone, "phone"],
    [onTablet, "tablet"],
    [onWatch, "watch"],
  ] as const) {
    const end = await ring.ended;
    if (id === winner) expect(end.reason).toBe("accepted");
    else expect(end).toMatchObject({ reason: "answered_elsewhere", device: winner });
  }
  expect([phone.rings.size, tablet.rings.size]).toEqual([0, 0]);
});

test("decline at one device leaves the others ringing, everywhere ends it", async () => {
  const alice = device(server.url, "alice", "laptop");
  const [phone, tablet] = ["phone", "tablet"].map((id) => device(server.url, "bob", id)) as [
    typeof alice,
    typeof alice,
  ];
  await Promise.all([phone.ready, tablet.ready]);
  const rings = Promise.all([phone.next("incoming"), tablet.next("incoming")]);
  const call = alice.call("bob", { media: false });
  const [onPhone, onTablet] = await rings;
  await onPhone.decline();
  expect(await onPhone.ended).toMatchObject({ reason: "declined" });
  expect(call.state).toBe("ringing");
  await onTablet.decline({ everywhere: true });
  expect(await call.ended).toMatchObject({ reason: "declined" });
  await expect(call.connected).rejects.toThrow("declined");
});

test("cancel, by hand and by signal; busy; nobody answers; nobody is there; not allowed", async () => {
  const alice = device(server.url, "alice", "laptop");
  const bob = device(server.url, "bob", "phone");
  await bob.ready;
  let ring = bob.next("incoming");
  let call = alice.call("bob", { media: false });
  const cancelled = (await ring).ended;
  await call.hangup();
  expect([await call.ended, await cancelled]).toMatchObject([
    { reason: "cancelled" },
    { reason: "cancelled" },
  ]);

  ring = bob.next("incoming");
  const abort = new AbortController();
  call = alice.call("bob", { media: false, signal: abort.signal });
  const aborted = (await ring).ended;
  abort.abort();
  expect([await call.ended, await aborted]).toMatchObject([{ reason: "cancelled" }, { reason: "cancelled" }]);

  ring = bob.next("incoming");
  call = alice.call("bob", { media: false });
  await (await ring).decline({ reason: "busy" });
  expect((await call.ended).reason).toBe("busy");

  ring = bob.next("incoming");
  call = alice.call("bob", { media: false, timeout: 1_000 });
  const unanswered = (await ring).ended;
  expect([(await call.ended).reason, (await unanswered).reason]).toEqual(["no_answer", "no_answer"]);

  call = alice.call("nobody", { media: false, timeout: 6_000 });
  expect((await call.ended).reason).toBe("unreachable");

  call = alice.call("two words", { media: false });
  expect(await call.ended).toMatchObject({ reason: "failed", error: { code: "bad_request" } });
});

test("two who call each other get one call", async () => {
  for (let round = 0; round < 5; round++) {
    const alice = device(server.url, `alice${round}`, "laptop");
    const bob = device(server.url, `bob${round}`, "phone");
    const rings: IncomingCall[] = [];
    for (const client of [alice, bob]) client.on("incoming", (ring) => rings.push(ring));
    const [atAlice, atBob] = await Promise.all([camera(), camera()]);
    await Promise.all([alice.ready, bob.ready]);
    const one = alice.call(`bob${round}`, { media: atAlice });
    const other = bob.call(`alice${round}`, { media: atBob });
    await Promise.all([one.connected, other.connected]);
    expect(one.id).toBe(other.id as string);
    expect([one.peer, other.peer]).toMatchObject([{ user: `bob${round}` }, { user: `alice${round}` }]);
    await Promise.all([frames(one.remote), frames(other.remote)]);
    for (const ring of rings) expect((await ring.ended).reason).not.toBe("answered_elsewhere");
    await one.hangup();
    expect((await other.ended).reason).toBe("hangup");
    await Promise.all([alice.close(), bob.close()]);
  }
});

test("accepting twice is one promise; an abort leaves it ringing", async () => {
  const alice = device(server.url, "alice", "laptop");
  const bob = device(server.url, "bob", "phone");
  await bob.ready;
  const next = bob.next("incoming");
  const call = alice.call("bob", { media: false });
  const ring = await next;
  await expect(ring.accept({ media: false, signal: AbortSignal.abort("no") })).rejects.toBe("no");
  expect(bob.rings.has(ring)).toBe(true);
  const first = ring.accept({ media: false });
  expect(ring.accept({ media: false })).toBe(first);
  await first;
  await call.connected;
});

test("without a listener a device does not say that it rings; a late one hears of the ring", async () => {
  const alice = device(server.url, "alice", "laptop");
  const bob = device(server.url, "bob", "phone");
  await bob.ready;
  const call = alice.call("bob", { media: false });
  await bob.next("change");
  await until(() => bob.rings.size === 1, "the ring");
  await alice.setStatus("waiting");
  expect(call.ringing).toEqual([]);
  const ring = await bob.next("incoming");
  await until(() => call.ringing.length === 1, "the alert");
  await ring.decline();
});

test("an offer that an end can't apply is refused: the call goes on, and the next change works", async () => {
  for (const refuses of ["caller", "callee"]) {
    const spoilt = { is: false };
    const { call, theirs } = await talk({ media: await camera() }, await camera(), (user, pc) => {
      if ((user === "alice") !== (refuses === "caller")) return;
      const apply = pc.setRemoteDescription.bind(pc);
      pc.setRemoteDescription = async (description) => {
        const { type, sdp = "" } = description;
        const spoil = spoilt.is && type === "offer";
        await apply(spoil ? { type, sdp: sdp.replace(/a=ice-(ufrag|pwd).*\r\n/g, "") } : description);
      };
    });
    const [offerer, answerer] = refuses === "caller" ? [theirs, call] : [call, theirs];
    spoilt.is = true;
    const refused = offerer.next("refused");
    await offerer.hold();
    expect((await refused).reason).toContain("ice-ufrag");
    await Promise.all([frames(call.remote), frames(theirs.remote)]);
    expect([call.state, theirs.state, offerer.pc?.signalingState]).toEqual([
      "connected",
      "connected",
      "stable",
    ]);
    spoilt.is = false;
    await offerer.hold();
    await until(() => answerer.remoteMuted.audio && answerer.remoteMuted.video, "the hold");
    await closeAll();
  }
});

async function talk(
  options: Parameters<ReturnType<typeof device>["call"]>[1],
  media: Awaited<ReturnType<typeof camera>> | false = false,
  setup: (user: string, pc: RTCPeerConnection) => void = () => {},
): Promise<{ call: Call; theirs: Call }> {
  const rtc = (user: string) => ({ ...wrtc, setup: (pc: RTCPeerConnection) => setup(user, pc) });
  const alice = device(server.url, "alice", "laptop", { rtc: rtc("alice") });
  const bob = device(server.url, "bob", "phone", { rtc: rtc("bob") });
  await bob.ready;
  const ring = bob.next("incoming");
  const call = alice.call("bob", options);
  const theirs = await (await ring).accept({ media });
  await Promise.all([call.connected, theirs.connected]);
  return { call, theirs };
}

async function read(line: AsyncIterable<string | ArrayBuffer>, count: number): Promise<unknown[]> {
  const all: unknown[] = [];
  for await (const one of line) {
    all.push(one);
    if (all.length === count) break;
  }
  return all;
}
