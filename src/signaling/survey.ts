import type { Static, TSchema } from "typebox";
import { Compile } from "typebox/compile";

/** A question that every node can answer: its name, and the JSON that the question and its answer hold. */
export interface SurveyQuestion<A extends TSchema = TSchema, R extends TSchema = TSchema> {
  /** Unique in a node. */
  readonly name: string;
  readonly argument: A;
  readonly answer: R;
}

/** What came back within the time. */
export interface SurveyResult<R> {
  /** The answers by node, this one's first. */
  readonly answers: ReadonlyMap<string, R>;
  /** Nodes of the cluster that did not answer in time, don't know the question, or failed. Sorted. */
  readonly silent: readonly string[];
}

/** A node's reply to a question, on its way. A failure says nothing: its fault is in the log of that node. */
export type SurveyReply = { readonly answer: unknown } | { readonly failed: true };

/** How the other nodes are asked; a node alone has none. */
export interface SurveyPeers {
  /** The nodes that are there, without this one. */
  names(): Iterable<string>;
  /** Asks one of them. Calls `done` exactly once, with undefined where no reply came within `timeout` ms. */
  ask(
    node: string,
    name: string,
    argument: unknown,
    timeout: number,
    done: (reply: SurveyReply | undefined) => void,
  ): void;
}

export interface SurveyOptions {
  readonly node: string;
  readonly peers: SurveyPeers | undefined;
  /** A handler threw: a fault of ours. */
  fault(where: string, error: unknown): void;
}

/** How to ask. */
export interface AskOptions {
  /** Asks this node alone; the node itself is asked without the backplane. */
  readonly only?: string;
  /** Asks the others and not this node. */
  readonly others?: boolean;
  /** ms, 1,000 by default. */
  readonly timeout?: number;
}

interface Handler {
  fits(argument: unknown): boolean;
  answer(argument: unknown): unknown;
}

const usualTimeout = 1_000;

/**
 * Asks all nodes of the cluster one question, gathers what they answer within a second, and names those that were silent. Arguments and
 * answers are checked where they arrive. A node counts as silent when its answer is larger than a message of the backplane (1 MiB).
 */
export class Survey {
  readonly #options: SurveyOptions;
  readonly #handlers = new Map<string, Handler>();
  readonly #checks = new Map<TSchema, (value: unknown) => boolean>();

  constructor(options: SurveyOptions) {
    this.#options = options;
  }

  /** The other nodes that are there. */
  get others(): string[] {
    return [...(this.#options.peers?.names() ?? [])];
  }

  /** Answers this question from now on, for this node and the others. Throws where it is answered already. */
  answers<A extends TSchema, R extends TSchema>(
    question: SurveyQuestion<A, R>,
    answer: (argument: Static<A>) => Static<R> | Promise<Static<R>>,
  ): void {
    const { name, argument } = question;
    if (this.#handlers.has(name)) throw new Error(`the question ${name} has an answer already`);
    this.#handlers.set(name, {
      fits: (value) => this.#check(argument)(value),
      answer: (value) => answer(value as Static<A>),
    });
  }

  /** Asks every node. Resolves once all have answered, or after the timeout; never rejects. */
  ask<A extends TSchema, R extends TSchema>(
    { name, answer: schema }: SurveyQuestion<A, R>,
    argument: Static<A>,
    { only, others = false, timeout = usualTimeout }: AskOptions = {},
  ): Promise<SurveyResult<Static<R>>> {
    const { node, peers } = this.#options;
    const asked = [...(others ? [] : [node]), ...(peers?.names() ?? [])].filter(
      (one) => only === undefined || one === only,
    );
    const check = this.#check(schema);
    return new Promise((resolve) => {
      const replies = new Map<string, SurveyReply | undefined>();
      const gather = (): void => {
        if (replies.size < asked.length) return;
        const answers = new Map<string, Static<R>>();
        const silent: string[] = [];
        for (const one of asked) {
          const reply = replies.get(one);
          if (reply !== undefined && "answer" in reply && check(reply.answer))
            answers.set(one, reply.answer as Static<R>);
          else silent.push(one);
        }
        resolve({ answers, silent: silent.sort() });
      };
      gather();
      for (const one of asked) {
        const done = (reply: SurveyReply | undefined): void => {
          replies.set(one, reply);
          gather();
        };
        if (one === node) this.heard(name, argument, done);
        else peers?.ask(one, name, argument, timeout, done);
      }
    });
  }

  /** Answers a question of another node's, or of this one: at once where its handler does. */
  heard(name: string, argument: unknown, done: (reply: SurveyReply) => void): void {
    const handler = this.#handlers.get(name);
    const failed = (error: unknown): void => {
      this.#options.fault(`survey ${name}`, error);
      done({ failed: true });
    };
    if (handler?.fits(argument) !== true) {
      done({ failed: true });
      return;
    }
    try {
      const answer = handler.answer(argument);
      if (answer instanceof Promise) answer.then((value) => done({ answer: value }), failed);
      else done({ answer });
    } catch (error) {
      failed(error);
    }
  }

  #check(schema: TSchema): (value: unknown) => boolean {
    const known = this.#checks.get(schema);
    if (known !== undefined) return known;
    const compiled = Compile(schema);
    const check = (value: unknown): boolean => compiled.Check(value);
    this.#checks.set(schema, check);
    return check;
  }
}
