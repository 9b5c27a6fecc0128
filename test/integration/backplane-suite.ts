import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Backplane, type BackplaneAnswer, maxMessageBytes } from "../../src/cluster/backplane.ts";

/** Several nodes joined by one backplane, whatever carries it. */
export interface Harness {
  node(name: string): Backplane;
  /** Waits until everything that was sent has arrived, and what that brought about. */
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
  describe(`backplane: ${name}`, () => {
    for (const [title, run] of Object.entries(scenarios))
      test(title, async () => {
        const harness = await open();
        try {
          await run(harness);
        } finally {
          await harness.close();
        }
      });
  });
}

const numbers = (count: number): number[] => Array.from({ length: count }, (_, n) => n);
/** As JSON it has so many bytes. */
const textOf = (bytes: number): string => "x".repeat(bytes - 2);

const scenarios: Record<string, (harness: Harness) => Promise<void>> = {
  "a message reaches every other subscriber of the subject, never its sender": async (harness) => {
    const nodes = { a: harness.node("a"), b: harness.node("b"), c: harness.node("c") };
    const heard: string[] = [];
    for (const [node, backplane] of Object.entries(nodes)) {
      backplane.subscribe("u.bob", (message) => heard.push(`${node} ${JSON.stringify(message)}`));
      backplane.subscribe("u.eve", () => heard.push(`${node} eve`));
    }
    await harness.settle();
    nodes.a.publish("u.bob", { n: 1 });
    await harness.settle();
    assert.deepEqual(heard.sort(), ['b {"n":1}', 'c {"n":1}']);
  },

  "each of several subscribers in one node hears it, each a copy": async (harness) => {
    const [a, b] = [harness.node("a"), harness.node("b")];
    const heard: { n: number }[] = [];
    const hear = (message: unknown) => void heard.push(message as { n: number });
    const stop = b.subscribe("s", hear);
    b.subscribe("s", hear);
    await harness.settle();
    a.publish("s", { n: 1 });
    await harness.settle();
    assert.deepEqual(heard, [{ n: 1 }, { n: 1 }]);
    assert.notEqual(heard[0], heard[1]);
    stop();
    a.publish("s", { n: 2 });
    await harness.settle();
    assert.deepEqual(heard.slice(2), [{ n: 2 }]);
  },

  "what one node sends keeps its order, whatever the subjects": async (harness) => {
    const [a, b] = [harness.node("a"), harness.node("b")];
    const heard: unknown[] = [];
    for (const n of numbers(3)) b.subscribe(`s.${n}`, (message) => heard.push(message));
    await harness.settle();
    for (const n of numbers(300)) a.publish(`s.${n % 3}`, n);
    await harness.settle();
    assert.deepEqual(heard, numbers(300));
  },

  "a reply and a message after it keep their order": async (harness) => {
    const [a, b] = [harness.node("a"), harness.node("b")];
    const heard: unknown[] = [];
    a.subscribe("a", (message) => heard.push(message));
    b.subscribe("b", (message, answer) => {
      b.publish("a", `before ${message}`);
      answer?.(message);
      b.publish("a", `after ${message}`);
    });
    await harness.settle();
    for (const n of numbers(3)) a.request("b", n, 1_000, () => heard.push(n));
    await harness.settle();
    assert.deepEqual(
      heard,
      numbers(3).flatMap((n) => [`before ${n}`, n, `after ${n}`]),
    );
  },

  "what was sent is a copy": async (harness) => {
    const [a, b] = [harness.node("a"), harness.node("b")];
    const heard: unknown[] = [];
    b.subscribe("s", (message) => heard.push(message));
    await harness.settle();
    const message = { list: [1] };
    a.publish("s", message);
    message.list.push(2);
    await harness.settle();
    assert.deepEqual(heard, [{ list: [1] }]);
    assert.notEqual(heard[0], message);
  },

  "who unsubscribed hears nothing more; who subscribes again, once": async (harness) => {
    const [a, b] = [harness.node("a"), harness.node("b")];
    const heard: string[] = [];
    const stop = b.subscribe("s", () => heard.push("first"));
    await harness.settle();
    stop();
    stop();
    await harness.settle();
    a.publish("s", 1);
    await harness.settle();
    assert.equal(heard.length, 0);
    for (const n of numbers(5)) b.subscribe("s", () => heard.push(`gone ${n}`))();
    b.subscribe("s", () => heard.push("again"));
    stop();
    await harness.settle();
    a.publish("s", 2);
    await harness.settle();
    assert.deepEqual(heard, ["again"]);
  },

  "who unsubscribes on hearing something hears nothing more": async (harness) => {
    const [a, b] = [harness.node("a"), harness.node("b")];
    const heard: unknown[] = [];
    const stop = b.subscribe("s", (message) => {
      heard.push(message);
      stop();
    });
    await harness.settle();
    for (const n of numbers(10)) a.publish("s", n);
    await harness.settle();
    assert.deepEqual(heard, [0]);
  },

  "a subject may have any character, and none is a wildcard": async (harness) => {
    const [a, b] = [harness.node("a"), harness.node("b")];
    const subjects = [
      ...["n.a", "n.*", "n.>", "*", ">", "n", "n.", ".n", "n..a", "", ".", "n.a b", "n.a\tb"],
      ...["n.a\r\nPUB n.a 1\r\nx", "n.é", "n.%C3%A9", "n.%", "n.日本", "$SYS.>", "n.A", "n/a:b"],
    ];
    const heard: string[] = [];
    for (const subject of subjects)
      b.subscribe(subject, (message, answer) => {
        heard.push(`${JSON.stringify(subject)} hears ${JSON.stringify(message)}`);
        answer?.(subject);
      });
    await harness.settle();
    const answers: BackplaneAnswer[] = [];
    for (const subject of subjects) {
      a.publish(subject, subject);
      a.request(subject, subject, 1_000, (answer) => answers.push(answer));
    }
    await harness.settle();
    const wanted = subjects.map((subject) => `${JSON.stringify(subject)} hears ${JSON.stringify(subject)}`);
    assert.deepEqual(
      heard,
      wanted.flatMap((line) => [line, line]),
    );
    assert.deepEqual(
      answers,
      subjects.map((reply) => ({ kind: "reply", reply })),
    );
  },

  "a request is answered once": async (harness) => {
    const [a, b] = [harness.node("a"), harness.node("b")];
    b.subscribe("n.b", (message, answer) => {
      answer?.({ got: message });
      answer?.({ got: "again" });
    });
    await harness.settle();
    const answers: BackplaneAnswer[] = [];
    a.request("n.b", 7, 1_000, (answer) => answers.push(answer));
    await harness.settle();
    await harness.pass(1_200);
    assert.deepEqual(answers, [{ kind: "reply", reply: { got: 7 } }]);
  },

  "of several who are asked, the first to answer counts": async (harness) => {
    const [a, b, c] = [harness.node("a"), harness.node("b"), harness.node("c")];
    const later: (() => void)[] = [];
    b.subscribe("s", (_message, answer) => later.push(() => answer?.("b")));
    c.subscribe("s", (_message, answer) => later.push(() => answer?.("c")));
    await harness.settle();
    const answers: BackplaneAnswer[] = [];
    a.request("s", 1, 5_000, (answer) => answers.push(answer));
    await harness.settle();
    assert.equal(later.length, 2);
    for (const answer of later) answer();
    await harness.settle();
    assert.deepEqual(
      answers.map(({ kind }) => kind),
      ["reply"],
    );
  },

  "a message is no request; any JSON may be asked and answered": async (harness) => {
    const [a, b] = [harness.node("a"), harness.node("b")];
    const values = [null, 0, "", [], {}, false, "é\u2028\ud83d\ude00", { deep: [{ er: null }] }];
    const heard: unknown[] = [];
    b.subscribe("s", (message, answer) => {
      if (answer === undefined) heard.push(message);
      else answer(message);
    });
    await harness.settle();
    for (const value of values) {
      a.publish("s", value);
      a.request("s", value, 1_000, (answer) => heard.push(answer.kind === "reply" ? answer.reply : answer));
    }
    await harness.settle();
    const twice = values.flatMap((value) => [value, value]);
    assert.deepEqual(
      heard.map((value) => JSON.stringify(value)).sort(),
      twice.map((value) => JSON.stringify(value)).sort(),
    );
  },

  "a request that nobody hears says so, long before its timeout": async (harness) => {
    const a = harness.node("a");
    a.subscribe("n.a", () => {});
    await harness.settle();
    const answers: BackplaneAnswer[] = [];
    a.request("n.gone", 1, 60_000, (answer) => answers.push(answer));
    a.request("n.a", 1, 60_000, (answer) => answers.push(answer));
    await harness.settle();
    assert.deepEqual(answers, [{ kind: "no_responders" }, { kind: "no_responders" }]);
  },

  "a request that is heard and not answered times out, and a late answer is nothing": async (harness) => {
    const [a, b] = [harness.node("a"), harness.node("b")];
    const late: ((reply: unknown) => void)[] = [];
    b.subscribe("n.b", (_message, answer) => late.push(answer!));
    await harness.settle();
    const answers: BackplaneAnswer[] = [];
    a.request("n.b", 1, 300, (answer) => answers.push(answer));
    await harness.settle();
    assert.equal(answers.length, 0);
    await harness.pass(400);
    assert.deepEqual(answers, [{ kind: "timeout" }]);
    a.request("n.b", 2, 60_000, (answer) => answers.push(answer));
    late[0]?.("late");
    await harness.settle();
    assert.deepEqual(answers, [{ kind: "timeout" }]);
    late[1]?.("in time");
    await harness.settle();
    assert.deepEqual(answers[1], { kind: "reply", reply: "in time" });
  },

  "a message of the largest size arrives; a larger one is not sent, and a request says so": async (
    harness,
  ) => {
    const [a, b] = [harness.node("a"), harness.node("b")];
    const heard: number[] = [];
    b.subscribe("s", (message, answer) => {
      heard.push((message as string).length);
      answer?.(textOf((message as string).length + 3));
    });
    await harness.settle();
    const kinds: string[] = [];
    const ask = (bytes: number) => a.request("s", textOf(bytes), 5_000, ({ kind }) => kinds.push(kind));
    a.publish("s", textOf(maxMessageBytes));
    a.publish("s", textOf(maxMessageBytes + 1));
    await harness.settle();
    ask(maxMessageBytes + 1);
    await harness.settle();
    ask(maxMessageBytes);
    await harness.settle();
    ask(maxMessageBytes - 1);
    await harness.settle();
    a.publish("s", "x");
    await harness.settle();
    assert.deepEqual(kinds, ["too_large", "too_large", "reply"]);
    assert.deepEqual(heard, [maxMessageBytes - 2, maxMessageBytes - 2, maxMessageBytes - 3, 1]);
  },

  "a node that is cut off says so, sends and hears nothing, and is back afterwards": async (harness) => {
    const [a, b] = [harness.node("a"), harness.node("b")];
    const states: string[] = [];
    b.onState((state) => states.push(`${state} ${b.state}`));
    b.onState((state) => states.push(`gone ${state}`))();
    const heard: string[] = [];
    a.subscribe("s", (message) => heard.push(`a ${message}`));
    b.subscribe("s", (message, answer) => {
      heard.push(`b ${message}`);
      answer?.(1);
    });
    const stop = b.subscribe("forgotten", () => heard.push("b forgot nothing"));
    await harness.settle();
    await harness.down("b");
    assert.deepEqual([a.state, b.state], ["up", "down"]);
    const answers: BackplaneAnswer[] = [];
    a.publish("s", "1");
    b.publish("s", "2");
    b.request("s", "3", 1_000, (answer) => answers.push(answer));
    a.request("s", "4", 1_000, (answer) => answers.push(answer));
    b.subscribe("new", (message) => heard.push(`b new ${message}`));
    stop();
    await harness.settle();
    assert.equal(heard.length, 0);
    assert.deepEqual(answers.map((answer) => answer.kind).sort(), ["down", "no_responders"]);
    await harness.up("b");
    await harness.settle();
    assert.deepEqual([b.state, states], ["up", ["down down", "up up"]]);
    a.publish("forgotten", 1);
    a.publish("new", 1);
    a.request("s", "5", 1_000, (answer) => answers.push(answer));
    await harness.settle();
    assert.deepEqual(heard, ["b new 1", "b 5"]);
    assert.deepEqual(answers.at(-1), { kind: "reply", reply: 1 });
  },

  "a request that is open when its node is cut off is answered down, and nothing else later": async (
    harness,
  ) => {
    const [a, b] = [harness.node("a"), harness.node("b")];
    let late: ((reply: unknown) => void) | undefined;
    b.subscribe("n.b", (_message, answer) => {
      late = answer;
    });
    await harness.settle();
    const answers: BackplaneAnswer[] = [];
    a.request("n.b", 1, 1_000, (answer) => answers.push(answer));
    await harness.settle();
    await harness.down("a");
    await harness.settle();
    assert.deepEqual(answers, [{ kind: "down" }]);
    await harness.up("a");
    late?.("late");
    await harness.settle();
    await harness.pass(1_200);
    assert.deepEqual(answers, [{ kind: "down" }]);
  },

  "10,000 subscriptions outlive an outage": async (harness) => {
    const [a, b] = [harness.node("a"), harness.node("b")];
    const all = numbers(10_000);
    let heard: unknown[] = [];
    const stops = all.map((n) => b.subscribe(`u.${n}`, (message) => heard.push(message)));
    await harness.settle();
    for (const n of all) a.publish(`u.${n}`, n);
    await harness.settle();
    assert.deepEqual(heard, all);
    await harness.down("b");
    await harness.up("b");
    await harness.settle();
    heard = [];
    for (const n of all) if (n % 2 === 0) stops[n]?.();
    await harness.settle();
    for (const n of all) a.publish(`u.${n}`, n);
    await harness.settle();
    assert.deepEqual(
      heard,
      all.filter((n) => n % 2 === 1),
    );
  },
};
