import type { Survey, SurveyPeers, SurveyReply } from "../signaling/survey.ts";
import type { Backplane } from "./backplane.ts";
import type { Nodes } from "./nodes.ts";

/** A question to one node (`a.NODE`). */
interface SurveyMessage {
  readonly question: string;
  readonly argument: unknown;
}

/** The other nodes as those that a survey asks. */
export function surveyPeers(nodes: Nodes, backplane: Backplane): SurveyPeers {
  return {
    names: () => nodes.live(),
    ask: (node, question, argument, timeout, done) =>
      backplane.request(`a.${node}`, { question, argument } satisfies SurveyMessage, timeout, (answer) =>
        done(answer.kind === "reply" ? (answer.reply as SurveyReply) : undefined),
      ),
  };
}

/** Answers the questions of other nodes. */
export function answerSurveys(survey: Survey, node: string, backplane: Backplane): void {
  backplane.subscribe(`a.${node}`, (message, answer) => {
    const { question, argument } = message as SurveyMessage;
    survey.heard(question, argument, (reply) => answer?.(reply));
  });
}
