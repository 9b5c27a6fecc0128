import { expect, test } from "bun:test";
import { RemoteLink } from "../devices/remote-link.ts";
import type { NodeItem } from "../items.ts";
import { LinkFences } from "./link-fences.ts";

/** A link of n2 as n1 sees it, and all that n1 says to others. `gone`: nodes that n1 has given up. */
function link(gone: readonly string[] = []) {
  const sent: [string, NodeItem][] = [];
  const send = (node: string, item: NodeItem) => sent.push([node, item]);
  const nodes = { name: "n1", isLive: (node: string) => !gone.includes(node), send };
  const of = { link: "l_1", user: "bob", node: "n2", stamp: 1, instance: "i", attempt: 1 };
  const remote = new RemoteLink({ send, used() {} }, of);
  const fences = new LinkFences(nodes);
  const say = (to: number) => remote.deliver({ type: "message", from, to: "bob", body: to }, 0);
  return { sent, remote, fences, say, said: () => sent.map(([node, item]) => `${node} ${word(item)}`) };
}

const from = { user: "alice", device: "web", kind: "browser" };
const word = (item: NodeItem) =>
  item.t === "push" && item.push.type === "message" ? `message ${item.push.body}` : item.t;

test("what is said to a link on its way waits for the last word by its former node", () => {
  const { fences, remote, say, said } = link();
  say(1);
  fences.moved(remote, "n3");
  say(2);
  expect(said()).toEqual(["n2 message 1", "n2 fence"]);
  fences.fenced({ t: "fenced", link: "l_1", n: 1 });
  say(3);
  expect(said()).toEqual(["n2 message 1", "n2 fence", "n3 message 2", "n3 message 3"]);
});

test("a last word that went by an earlier node says nothing of what went by the next one", () => {
  const { fences, remote, say, said } = link();
  fences.moved(remote, "n3");
  fences.moved(remote, "n4");
  say(1);
  fences.fenced({ t: "fenced", link: "l_1", n: 1 });
  expect(said()).toEqual(["n2 fence", "n3 fence"]);
  fences.fenced({ t: "fenced", link: "l_1", n: 2 });
  expect(said()).toEqual(["n2 fence", "n3 fence", "n4 message 1"]);
});

test("where the former node is gone there is nobody to give a last word to, and nothing waits", () => {
  const { fences, remote, say, said } = link(["n2"]);
  fences.moved(remote, "n3");
  say(1);
  expect(said()).toEqual(["n3 message 1"]);
});

test("a link that comes to this node, or is held for another reason, needs no last word", () => {
  const [here, held] = [link(), link()];
  here.fences.moved(here.remote, "n1");
  expect(here.said()).toEqual([]);
  held.remote.hold();
  held.fences.moved(held.remote, "n3");
  held.say(1);
  expect(held.said()).toEqual([]);
  held.remote.release();
  expect(held.said()).toEqual(["n3 message 1"]);
});

test("a last word that is lost on the way it was sent on leaves a gap, and nobody waits for ever", () => {
  const { fences, remote, say, said, sent } = link();
  let released = false;
  fences.moved(remote, "n3");
  remote.whenReleased(() => {
    released = true;
  });
  say(1);
  const [, fence] = sent[0] as [string, NodeItem];
  const atN2 = link();
  atN2.fences.lost([{ t: "resync" }, { t: "forward", from: "n1", item: fence }]);
  expect(atN2.sent).toEqual([["n1", { t: "fenced", link: "l_1", n: 1, lost: true }]]);
  expect(released).toBe(false);
  fences.fenced({ t: "fenced", link: "l_1", n: 1, lost: true });
  expect(said()).toEqual(["n2 fence", "n3 gap", "n3 message 1"]);
  expect(released).toBe(true);
});

test("a former node that is gone leaves a gap too; a link that is closed needs none", () => {
  const { fences, remote, said } = link();
  fences.moved(remote, "n3");
  fences.gone("n2");
  fences.moved(remote, "n4");
  remote.gone();
  fences.gone("n3");
  expect(said()).toEqual(["n2 fence", "n3 gap", "n3 fence"]);
});

test("a link that more is said to on its way than can wait begins anew", () => {
  const { fences, remote, say, sent } = link();
  fences.moved(remote, "n3");
  for (let n = 0; n < 5_000; n++) say(n);
  fences.fenced({ t: "fenced", link: "l_1", n: 1 });
  expect(sent).toHaveLength(1 + 4_096 + 1);
  expect(sent.at(-1)).toEqual(["n3", { t: "gap", link: "l_1" }]);
});
