import { expect, test } from "bun:test";
import { Type } from "typebox";
import { SimCluster } from "../../test/support/sim-cluster.ts";
import { Survey, type SurveyQuestion } from "../signaling/survey.ts";

const sum: SurveyQuestion = {
  name: "sum",
  argument: Type.Object({ numbers: Type.Array(Type.Number()) }),
  answer: Type.Object({ node: Type.String(), sum: Type.Number() }),
};

/** Three nodes that answer `sum`. */
function summing(nodes: readonly string[] = ["n1", "n2", "n3"]): SimCluster {
  const cluster = new SimCluster(nodes);
  for (const [name, { core }] of cluster.nodes)
    core.survey.answers(sum, (argument) => {
      const { numbers } = argument as { numbers: number[] };
      return { node: name, sum: numbers.reduce((one, other) => one + other, 0) };
    });
  return cluster;
}

const argument = { numbers: [1, 2, 3] };

test("every node is asked, this one included, and the answers come by node", async () => {
  const cluster = summing();
  const asked = cluster.node("n2").core.survey.ask(sum, argument);
  cluster.flow();
  const { answers, silent } = await asked;
  expect(silent).toEqual([]);
  expect([...answers.keys()]).toEqual(["n2", "n1", "n3"]);
  for (const [node, answer] of answers) expect(answer).toEqual({ node, sum: 6 });
});

test("a node alone asks itself", async () => {
  const { answers, silent } = await summing(["n1"]).node("n1").core.survey.ask(sum, argument);
  expect([[...answers.keys()], silent]).toEqual([["n1"], []]);
});

test("one node alone may be asked; one that is not there is nobody", async () => {
  const cluster = summing();
  const { survey } = cluster.node("n1").core;
  const [one, none] = ["n3", "n9"].map((only) => survey.ask(sum, argument, { only }));
  cluster.flow();
  expect([...(await one)!.answers.keys()]).toEqual(["n3"]);
  expect(await none).toEqual({ answers: new Map(), silent: [] });
});

test("a node that is silent for a second is named, and nobody waits longer", async () => {
  const cluster = summing();
  cluster.freeze("n3");
  const before = cluster.now;
  let after = 0;
  const asked = cluster
    .node("n1")
    .core.survey.ask(sum, argument)
    .then((result) => ({ result, after }));
  cluster.pass(1_000);
  after = cluster.now - before;
  const { result } = await asked;
  expect([...result.answers.keys()]).toEqual(["n1", "n2"]);
  expect(result.silent).toEqual(["n3"]);
  expect(after).toBe(1_000);
});

test("a node that was killed is named until it is given up, then it is no node any more", async () => {
  const cluster = summing();
  cluster.kill("n2");
  const first = cluster.node("n1").core.survey.ask(sum, argument);
  cluster.pass(1_000);
  expect((await first).silent).toEqual(["n2"]);
  cluster.pass(60_000);
  const later = cluster.node("n1").core.survey.ask(sum, argument);
  cluster.pass(1_000);
  expect((await later).silent).toEqual([]);
});

test("without a backplane the others are named at once", async () => {
  const cluster = summing();
  cluster.hub.down("n1");
  const asked = cluster.node("n1").core.survey.ask(sum, argument);
  cluster.flow();
  const { answers, silent } = await asked;
  expect([[...answers.keys()], silent]).toEqual([["n1"], ["n2", "n3"]]);
});

test("a node that doesn't know the question, answers nonsense or too much is named", async () => {
  const cluster = new SimCluster(["n1", "n2", "n3", "n4"]);
  const answer = (node: string, how: () => unknown): void =>
    cluster.node(node).core.survey.answers(sum, how as () => object);
  answer("n1", () => ({ node: "n1", sum: 1 }));
  answer("n2", () => ({ node: "n2", sum: "nonsense" }));
  answer("n3", () => ({ node: "x".repeat(2 ** 20), sum: 1 }));
  const asked = cluster.node("n1").core.survey.ask(sum, argument);
  cluster.pass(1_000);
  const { answers, silent } = await asked;
  expect([[...answers.keys()], silent]).toEqual([["n1"], ["n2", "n3", "n4"]]);
});

test("a handler that throws or rejects is a fault, and its node is named", async () => {
  for (const handler of [() => Promise.reject(new Error("broken")), (): never => fails()]) {
    const faults: string[] = [];
    const survey = new Survey({ node: "n1", peers: undefined, fault: (where) => faults.push(where) });
    survey.answers(sum, handler);
    expect(await survey.ask(sum, argument)).toEqual({ answers: new Map(), silent: ["n1"] });
    expect(faults).toEqual(["survey sum"]);
  }
});

function fails(): never {
  throw new Error("broken");
}

test("an argument of the wrong shape reaches no handler", async () => {
  const cluster = summing();
  const asked = cluster.node("n1").core.survey.ask(sum, { numbers: ["1"] });
  cluster.flow();
  expect(await asked).toEqual({ answers: new Map(), silent: ["n1", "n2", "n3"] });
});

test("an answer may come later", async () => {
  const cluster = new SimCluster(["n1", "n2"]);
  let give = (): void => {};
  cluster.node("n1").core.survey.answers(sum, () => ({ node: "n1", sum: 0 }));
  cluster.node("n2").core.survey.answers(
    sum,
    () =>
      new Promise((resolve) => {
        give = () => resolve({ node: "n2", sum: 0 });
      }),
  );
  const asked = cluster.node("n1").core.survey.ask(sum, argument);
  cluster.pass(500);
  give();
  await Promise.resolve();
  await Promise.resolve();
  cluster.flow();
  expect([...(await asked).answers.keys()]).toEqual(["n1", "n2"]);
});
