import { describe, expect, test } from "bun:test";
import { signIn, three } from "../../../test/support/cluster-steps.ts";
import { SimCluster } from "../../../test/support/sim-cluster.ts";

describe("presence and messages across nodes", () => {
  test("a watcher hears of devices at every node, and of those that come and go", () => {
    const cluster = new SimCluster(three);
    signIn(cluster, "n2", "bob/phone");
    const alice = signIn(cluster, "n1", "alice/web");
    alice.ask("watch", { users: ["bob", "carol"] });
    cluster.pass(200);
    expect(alice.pushes("presence").map(({ user, online }) => [user, online])).toEqual([
      ["carol", false],
      ["bob", true],
    ]);
    const desk = signIn(cluster, "n3", "bob/desk");
    cluster.pass(200);
    expect(
      alice
        .last("presence")
        .devices.map((one: { device: string }) => one.device)
        .sort(),
    ).toEqual(["desk", "phone"]);
    desk.ask("status", { status: "away" });
    cluster.pass(200);
    expect(alice.last("presence").devices).toContainEqual({
      device: "desk",
      kind: "browser",
      status: "away",
    });
    desk.drop(1000);
    cluster.pass(200);
    expect(alice.last("presence").devices.map((one: { device: string }) => one.device)).toEqual(["phone"]);
  });

  test("a message reaches every device of the user, and its sender hears how many", () => {
    const cluster = new SimCluster(three);
    const alice = signIn(cluster, "n1", "alice/web");
    const phones = three.map((node, i) => signIn(cluster, node, `bob/${i}`));
    alice.ask("send", { to: "bob", body: "hello" });
    const asked = alice.lastId;
    cluster.flow();
    expect(alice.replyTo(asked).ok).toEqual({ delivered: 3 });
    for (const phone of phones) expect(phone.pushes("message").map(({ body }) => body)).toEqual(["hello"]);
    alice.ask("send", { to: "nobody", body: "hello" });
    cluster.flow();
    expect(alice.replyTo(alice.lastId).ok).toEqual({ delivered: 0 });
  });

  test("a node that dies is forgotten, with its devices", () => {
    const cluster = new SimCluster(three);
    signIn(cluster, "n2", "bob/phone");
    const alice = signIn(cluster, "n1", "alice/web");
    alice.ask("watch", { users: ["bob"] });
    cluster.pass(200);
    expect(alice.last("presence").online).toBe(true);
    cluster.kill("n2");
    cluster.pass(45_000);
    expect(alice.last("presence").online).toBe(false);
  });
});
