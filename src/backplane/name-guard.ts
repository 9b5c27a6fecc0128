import type { Msg, NatsConnection } from "@nats-io/transport-node";
import { after } from "../net/clock.ts";
import { random } from "../net/crypto.ts";

export interface NameGuardOptions {
  /** What every subject begins with. */
  readonly prefix: string;
  /** The name's subject, as NATS takes it. */
  readonly subject: string;
  /** Random: this run of the node. */
  readonly boot: string;
}

/** The answer of a node that has the name, or (not `held`) is about to take it. */
interface Answer {
  readonly boot: string;
  readonly held: boolean;
}

/** How long a node of the same name may take to answer. A frozen one is found when it continues. ms */
const answerWithin = 500;
const encoder = new TextEncoder();

/** Keeps two nodes from having the same name: a node asks over NATS before it takes a name, and then answers others. */
export class NameGuard {
  readonly #connection: NatsConnection;
  readonly #options: NameGuardOptions;
  #held = false;

  constructor(connection: NatsConnection, options: NameGuardOptions) {
    this.#connection = connection;
    this.#options = options;
    const { subject, boot } = options;
    connection.subscribe(subject, {
      callback: (error, { reply }) => {
        if (error !== null || !reply) return;
        const answer: Answer = { boot, held: this.#held };
        connection.publish(reply, encoder.encode(JSON.stringify(answer)));
      },
    });
  }

  /** Resolves to true when the name is this node's from now on (or still): no other node has it, or a better claim. */
  async take(): Promise<boolean> {
    const { prefix, subject } = this.#options;
    const connection = this.#connection;
    if (connection.isClosed()) return false;
    this.#held = await new Promise<boolean>((resolve) => {
      const reply = `${prefix}.reply.${random(12)}`;
      const settle = (free: boolean): void => {
        stop();
        answers.unsubscribe();
        resolve(free);
      };
      const stop = after(answerWithin, () => settle(true));
      const callback = (error: Error | null, message: Msg): void => {
        if (error !== null) return;
        // There are no responders.
        if (message.data.length === 0) settle(true);
        else if (this.#yieldsTo(message)) settle(false);
      };
      const answers = connection.subscribe(reply, { callback });
      connection.publish(subject, undefined, { reply });
    });
    return this.#held;
  }

  #yieldsTo(message: Msg): boolean {
    const { boot } = this.#options;
    let other: Partial<Answer> | null;
    try {
      other = message.json<Partial<Answer> | null>();
    } catch {
      return false;
    }
    // A former connection of this process may still answer.
    if (typeof other?.boot !== "string" || other.boot === boot) return false;
    return other.held === this.#held ? other.boot < boot : other.held === true;
  }
}
