import { describe, expect, test } from "bun:test";
import { MemoryHub } from "../backplane/memory.ts";
import { Deadlines } from "../shared/deadlines.ts";
import type { Batch } from "./channel.ts";
import type { NodeItem } from "./items.ts";
import { Nodes } from "./nodes.ts";

/** Nodes of a cluster without cores, under one clock. */
class World {
  now = 1_000_000;
  readonly hub = new MemoryHub({ delivery: "pumped", now: this.now });
  readonly all = new Map<string, ReturnType<World["start"]>>();

  start(name: string, boot = `${name}-1`) {
    const deadlines = new Deadlines();
    const heard: string[] = [];
    const nodes: Nodes = new Nodes({
      node: name,
      boot,
      backplane: this.hub.node(name),
      deadlines,
      silence: 30_000,
      now: () => this.now,
      events: {
        item: (from, item) => heard.push(`${from} ${word(item)}`),
        malformed: () => heard.push("malformed"),
        goneOn: () => [],
        sentOn: () => {},
        broadcast: () => {},
        up: (node, again) => heard.push(`${node} up${again ? " again" : ""}`),
        gone: (node, { doubtful, unsent }) =>
          heard.push([node, "gone", ...[...doubtful, ...unsent].map(word)].join(" ")),
      },
    });
    const made = { nodes, heard, deadlines, take: () => heard.splice(0) };
    this.all.set(name, made);
    return made;
  }

  kill(name: string): void {
    this.all.delete(name);
    this.hub.remove(name);
  }

  /** The process stands still until the returned function is called. */
  freeze(name: string): () => void {
    const node = this.all.get(name);
    this.all.delete(name);
    this.hub.sleep(name);
    return () => {
      if (node !== undefined) this.all.set(name, node);
      this.hub.wake(name);
    };
  }

  pass(ms: number): void {
    for (const end = this.now + ms; this.now < end; ) {
      this.now += Math.min(250, end - this.now);
      for (const { nodes, deadlines } of this.all.values()) {
        nodes.tick(this.now);
        deadlines.run(this.now);
      }
      this.hub.pump(this.now);
    }
  }
}

const say = (session: string): NodeItem => ({ t: "lastWord", session });
const word = (item: NodeItem) => (item.t === "lastWord" ? item.session : item.t);

describe("the nodes of a cluster", () => {
  test("hear of each other, and items arrive in order, each once, though answers are late", () => {
    const world = new World();
    const [n1, n2] = [world.start("n1"), world.start("n2")];
    world.pass(3_000);
    expect([n1.take(), n2.take()]).toEqual([["n2 up"], ["n1 up"]]);
    n1.nodes.send("n2", say("a"));
    world.pass(250);
    // The batch waits at n2, and the question for it times out and is asked again.
    world.hub.sleep("n2");
    n1.nodes.send("n2", say("b"));
    world.pass(4_000);
    n1.nodes.send("n2", say("c"));
    expect(n1.nodes.responsive("n2", world.now)).toBe(true);
    world.pass(3_000);
    expect(n1.nodes.responsive("n2", world.now)).toBe(false);
    expect(n1.nodes.backlog).toBe(2);
    world.hub.wake("n2");
    world.pass(3_000);
    expect(n2.take()).toEqual(["n1 a", "n1 b", "n1 c"]);
    expect(n1.nodes.backlog).toBe(0);
  });

  test("a silent peer is given up, and what it did not acknowledge is lost; it is up again when it is heard", () => {
    const world = new World();
    const [n1, n2] = [world.start("n1"), world.start("n2")];
    world.pass(3_000);
    const thaw = world.freeze("n2");
    n1.take();
    n1.nodes.send("n2", say("a"));
    world.pass(500);
    n1.nodes.send("n2", say("b"));
    world.pass(34_000);
    expect(n1.take()).toEqual(["n2 gone a b"]);
    expect(n1.nodes.isLive("n2")).toBe(false);
    n2.take();
    thaw();
    world.pass(5_000);
    expect(n1.take()).toEqual(["n2 up again"]);
    // It had the first item by then, of an epoch that is over.
    n1.nodes.send("n2", say("c"));
    world.pass(500);
    expect(n2.take()).toEqual(["n1 a", "n1 gone", "n1 up again", "n1 c"]);
  });

  test("another run of a peer begins with nothing, and what is sent to it before it is heard is for it", () => {
    const world = new World();
    const n1 = world.start("n1");
    world.start("n2");
    world.pass(3_000);
    n1.take();
    world.kill("n2");
    world.pass(35_000);
    expect(n1.take()).toEqual(["n2 gone"]);
    n1.nodes.send("n2", say("a"));
    const n2 = world.start("n2", "n2-2");
    world.pass(5_000);
    expect(n1.take()).toEqual(["n2 up again"]);
    expect(n2.take()).toEqual(["n1 up", "n1 a"]);
    world.start("n2", "n2-3");
    world.pass(3_000);
    expect(n1.take()).toEqual(["n2 gone", "n2 up again"]);
  });

  test("a peer that leaves is gone at once; one that drains says so", () => {
    const world = new World();
    const [n1, n2] = [world.start("n1"), world.start("n2")];
    world.pass(3_000);
    n2.nodes.drain(world.now);
    world.hub.pump(world.now);
    expect([n1.nodes.isDraining("n2"), [...n1.nodes.live()]]).toEqual([true, ["n2"]]);
    n2.nodes.leave(world.now);
    world.hub.pump(world.now);
    expect([...n1.nodes.live()]).toEqual([]);
  });

  test("a node that could not hear takes nobody for silent", () => {
    const world = new World();
    const n1 = world.start("n1");
    world.start("n2");
    world.pass(3_000);
    n1.take();
    world.hub.down("n1");
    world.pass(60_000);
    expect(n1.nodes.isLive("n2")).toBe(true);
    world.hub.up("n1");
    world.pass(3_000);
    expect(n1.take()).toEqual(["n2 up again"]);
  });

  test("nothing is sent to a peer that has been gone for long: what still waits for it is lost", () => {
    const world = new World();
    const n1 = world.start("n1");
    world.start("n2");
    world.pass(3_000);
    world.kill("n2");
    world.pass(35_000);
    n1.nodes.send("n2", say("a"));
    n1.take();
    world.pass(600_000);
    expect(n1.take()).toEqual(["n2 gone a"]);
    let asked = 0;
    world.hub.node("n3").subscribe("n.n2", () => {
      asked += 1;
    });
    world.pass(10_000);
    expect([asked, n1.nodes.backlog]).toEqual([0, 0]);
  });

  test("a peer that is met by what is sent to it, and knows another stream of this node, is sent a new one", () => {
    const world = new World();
    const n1 = world.start("n1");
    const heard: string[] = [];
    // It has given n1 up twice, and has not been heard since.
    world.hub.node("n2").subscribe("n.n2", (message, answer) => {
      const { epoch, n, items } = message as Batch;
      if (epoch >= 2) heard.push(...items.map((text) => word(JSON.parse(text))));
      answer?.(epoch < 2 ? { boot: "n2-1", reset: 2 } : { boot: "n2-1", ok: n });
    });
    n1.nodes.send("n2", say("a"));
    world.pass(1_000);
    n1.nodes.send("n2", say("b"));
    world.pass(1_000);
    expect(n1.take()).toEqual(["n2 up", "n2 gone a", "n2 up again"]);
    expect(heard).toEqual(["b"]);
  });
});
