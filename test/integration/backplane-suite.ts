import { describe, expect, test } from "bun:test";
import type { Backplane, BackplaneAnswer } from "../../src/signaling/backplane.ts";

/** Several nodes joined by one backplane, whatever carries it. */
export interface Harness {
  node(name: string): Backplane;
  /** Waits until everything that was sent has arrived. */
  settle(): void | Promise<void>;
  /** Lets time pass for timeouts. */
  pass(ms: number): void | Promise<void>;
  /** Cuts a node off, and joins it again. */
  down(name: string): void | Promise<void>;
  up(name: string): void | Promise<void>;
  close(): void | Promise<void>;
}

/** What the core relies on, of every backplane. */
export function backplaneSuite(name: string, open: () => Harness | Promise<Harness>): void {
  const scenario = (title: string, run: (harness: Harness) => Promise<void>) =>
    test(title, async () => {
      const harness = await open();
      try {
        await run(harness);
      } finally {
        await harness.close();
      }
    });

  describe(`backplane: ${name}`, () => {
    scenario("a message reaches every other subscriber of the subject, never its sender", async (harness) => {
      const [a, b, c] = [harness.node("a"), harness.node("b"), harness.node("c")];
      const heard: string[] = [];
      for (const [node, backplane] of Object.entries({ a, b, c })) {
        backplane.subscribe("u.bob", (message) => heard.push(`${node} ${JSON.stringify(message)}`));
        backplane.subscribe("u.eve", () => heard.push(`${node} eve`));
      }
      await harness.settle();
      a.publish("u.bob", { n: 1 });
      await harness.settle();
      expect(heard.sort()).toEqual(['b {"n":1}', 'c {"n":1}']);
    });

    scenario("messages of one node keep their order", async (harness) => {
      const [a, b] = [harness.node("a"), harness.node("b")];
      const heard: unknown[] = [];
      b.subscribe("s", (message) => heard.push(message));
      await harness.settle();
      for (let n = 0; n < 100; n++) a.publish("s", n);
      await harness.settle();
      expect(heard).toEqual(Array.from({ length: 100 }, (_, n) => n));
    });

    scenario("what was sent is a copy", async (harness) => {
      const [a, b] = [harness.node("a"), harness.node("b")];
      const heard: unknown[] = [];
      b.subscribe("s", (message) => heard.push(message));
      await harness.settle();
      const message = { list: [1] };
      a.publish("s", message);
      message.list.push(2);
      await harness.settle();
      expect(heard).toEqual([{ list: [1] }]);
      expect(heard[0]).not.toBe(message);
    });

    scenario("who unsubscribed hears nothing more", async (harness) => {
      const [a, b] = [harness.node("a"), harness.node("b")];
      let heard = 0;
      const stop = b.subscribe("s", () => {
        heard += 1;
      });
      await harness.settle();
      stop();
      stop();
      await harness.settle();
      a.publish("s", 1);
      await harness.settle();
      expect(heard).toBe(0);
    });

    scenario("a request is answered once", async (harness) => {
      const [a, b] = [harness.node("a"), harness.node("b")];
      b.subscribe("n.b", (message, answer) => {
        answer?.({ got: message });
        answer?.({ got: "again" });
      });
      await harness.settle();
      const answers: BackplaneAnswer[] = [];
      a.request("n.b", 7, 1_000, (answer) => answers.push(answer));
      await harness.settle();
      await harness.pass(2_000);
      expect(answers).toEqual([{ kind: "reply", reply: { got: 7 } }]);
    });

    scenario("a request that nobody hears says so, long before its timeout", async (harness) => {
      const a = harness.node("a");
      a.subscribe("n.a", () => {});
      await harness.settle();
      const answers: BackplaneAnswer[] = [];
      a.request("n.gone", 1, 60_000, (answer) => answers.push(answer));
      a.request("n.a", 1, 60_000, (answer) => answers.push(answer));
      await harness.settle();
      expect(answers).toEqual([{ kind: "no_responders" }, { kind: "no_responders" }]);
    });

    scenario(
      "a request that is heard and not answered times out, and a late answer is nothing",
      async (harness) => {
        const [a, b] = [harness.node("a"), harness.node("b")];
        let late: ((reply: unknown) => void) | undefined;
        b.subscribe("n.b", (_message, answer) => {
          late = answer;
        });
        await harness.settle();
        const answers: BackplaneAnswer[] = [];
        a.request("n.b", 1, 300, (answer) => answers.push(answer));
        await harness.settle();
        expect(answers).toEqual([]);
        await harness.pass(400);
        expect(answers).toEqual([{ kind: "timeout" }]);
        late?.("late");
        await harness.settle();
        expect(answers).toEqual([{ kind: "timeout" }]);
      },
    );

    scenario(
      "a node that is cut off says so, sends and hears nothing, and is back afterwards",
      async (harness) => {
        const [a, b] = [harness.node("a"), harness.node("b")];
        const heard: string[] = [];
        a.subscribe("s", (message) => heard.push(`a ${message}`));
        b.subscribe("s", (message, answer) => {
          heard.push(`b ${message}`);
          answer?.(1);
        });
        await harness.settle();
        await harness.down("b");
        expect([a.state, b.state]).toEqual(["up", "down"]);
        const answers: BackplaneAnswer[] = [];
        a.publish("s", "1");
        b.publish("s", "2");
        b.request("s", "3", 1_000, (answer) => answers.push(answer));
        a.request("s", "4", 1_000, (answer) => answers.push(answer));
        await harness.settle();
        await harness.pass(2_000);
        expect(heard).toEqual([]);
        expect(answers.map((answer) => answer.kind).sort()).toEqual(["down", "no_responders"]);
        await harness.up("b");
        await harness.settle();
        expect(b.state).toBe("up");
        a.request("s", "5", 1_000, (answer) => answers.push(answer));
        await harness.settle();
        expect(heard).toEqual(["b 5"]);
        expect(answers.at(-1)).toEqual({ kind: "reply", reply: 1 });
      },
    );

    scenario("a request that is open when its node is cut off is answered down", async (harness) => {
      const [a, b] = [harness.node("a"), harness.node("b")];
      b.subscribe("n.b", () => {});
      await harness.settle();
      const answers: BackplaneAnswer[] = [];
      a.request("n.b", 1, 1_000, (answer) => answers.push(answer));
      await harness.settle();
      await harness.down("a");
      await harness.settle();
      await harness.pass(2_000);
      expect(answers).toEqual([{ kind: "down" }]);
    });
  });
}
