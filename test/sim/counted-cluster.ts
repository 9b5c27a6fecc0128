import type { Backplane } from "../../src/cluster/backplane.ts";
import { SimCluster } from "../support/sim-cluster.ts";
import type { SimClient, SimCore } from "../support/sim-core.ts";

/** What an operation costs the backplane. */
export interface Cost {
  /** Messages that nodes put in: publications, requests and answers. */
  readonly sent: number;
  /** Messages that nodes got out: one message may go to several. */
  readonly delivered: number;
  /** Characters that were put in, and that came out. */
  readonly sentBytes: number;
  readonly deliveredBytes: number;
  /** Subscriptions that began or ended. */
  readonly interest: number;
}

/** The real core on nodes of a simulated cluster, with a count of all that passes the backplane. */
export class CountedCluster {
  readonly cluster = new SimCluster([]);
  #counts = { sent: 0, delivered: 0, sentBytes: 0, deliveredBytes: 0, interest: 0 };
  /** Live subscriptions, by node. */
  readonly subscriptions = new Map<string, number>();

  constructor(nodes: number) {
    const { hub } = this.cluster;
    const node = hub.node.bind(hub);
    hub.node = (name) => this.#counted(name, node(name));
    for (let n = 1; n <= nodes; n++) this.cluster.start(`n${n}`);
    this.cluster.pass(3_000);
  }

  node(n: number): SimCore {
    return this.cluster.node(`n${n}`);
  }

  signIn(n: number, user: string, device: string): SimClient {
    const client = this.node(n).client(user, device).connect();
    this.settle();
    if (client.welcome === undefined) throw new Error(`${user}/${device} was not welcomed`);
    return client;
  }

  settle(): void {
    this.cluster.flow();
    // Questions that nobody answers, and presence that is told in batches.
    this.cluster.pass(200);
  }

  /** What is sent while `operate` runs and settles, less the heartbeats. */
  cost(operate: () => void): Cost {
    this.settle();
    this.#counts = { sent: 0, delivered: 0, sentBytes: 0, deliveredBytes: 0, interest: 0 };
    operate();
    this.settle();
    return { ...this.#counts };
  }

  #counted(name: string, inner: Backplane): Backplane {
    const sent = (subject: string, message: unknown): void => {
      if (subject === "nodes") return;
      this.#counts.sent += 1;
      this.#counts.sentBytes += sizeOf(message);
    };
    const delivered = (subject: string, message: unknown): void => {
      if (subject === "nodes") return;
      this.#counts.delivered += 1;
      this.#counts.deliveredBytes += sizeOf(message);
    };
    const interest = (change: 1 | -1): void => {
      this.#counts.interest += 1;
      this.subscriptions.set(name, (this.subscriptions.get(name) ?? 0) + change);
    };
    return {
      get state() {
        return inner.state;
      },
      onState: (hear) => inner.onState(hear),
      publish: (subject, message) => {
        sent(subject, message);
        inner.publish(subject, message);
      },
      request: (subject, message, timeout, done) => {
        sent(subject, message);
        inner.request(subject, message, timeout, (answer) => {
          if (answer.kind === "reply") delivered("reply", answer.reply);
          done(answer);
        });
      },
      subscribe: (subject, hear) => {
        interest(1);
        const stop = inner.subscribe(subject, (message, answer) => {
          delivered(subject, message);
          hear(
            message,
            answer &&
              ((reply) => {
                sent("reply", reply);
                answer(reply);
              }),
          );
        });
        return () => {
          interest(-1);
          stop();
        };
      },
    };
  }
}

/** Characters of the message. The simulated clients' instances are random texts of random length; those of real ones are not. */
function sizeOf(message: unknown): number {
  const text = JSON.stringify(message) ?? "";
  return text.replace(/instance-[\d.e-]+/g, crypto.randomUUID()).length;
}
