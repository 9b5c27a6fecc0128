import { Type } from "typebox";
import type { RecordingElsewhere } from "../media/http/recordings-http.ts";
import type { StoredRecording } from "../media/recordings/store.ts";
import type { Survey, SurveyQuestion } from "../signaling/survey.ts";

/** Recordings that one node names to another, the newest: a message of the backplane holds 1 MiB. */
const most = 2_000;

const question = {
  name: "recordings",
  argument: Type.Object({ stream: Type.String(), from: Type.Number(), to: Type.Number() }),
  answer: Type.Object({
    recordings: Type.Array(
      Type.Object({
        id: Type.String(),
        started: Type.Number(),
        seconds: Type.Number(),
        bytes: Type.Number(),
        container: Type.Enum(["mp4", "webm"]),
      }),
      { maxItems: most },
    ),
  }),
} as const satisfies SurveyQuestion;

/** What other nodes have of a stream's recordings. Every node answers, also one without a media server: it has none. */
export class RecordingsSurvey {
  /** The recordings of this node. */
  list: (stream: string, from: number, to: number) => Promise<readonly StoredRecording[]> = async () => [];
  readonly #survey: Survey;

  constructor(survey: Survey) {
    this.#survey = survey;
    survey.answers(question, async ({ stream, from, to }) => {
      const found = (await this.list(stream, from, to)).slice(-most);
      return {
        recordings: found.map(({ id, started, seconds, bytes, container }) => ({
          ...{ id, started, seconds, bytes, container },
        })),
      };
    });
  }

  /** Those of the other nodes, oldest first; `partial` names nodes that don't answer. */
  async elsewhere(
    stream: string,
    from: number,
    to: number,
  ): Promise<{ readonly recordings: readonly RecordingElsewhere[]; readonly partial: readonly string[] }> {
    const { answers, silent } = await this.#survey.ask(question, { stream, from, to }, { others: true });
    const recordings = [...answers].flatMap(([node, answer]) =>
      answer.recordings.map((recording) => ({ node, ...recording })),
    );
    return { recordings: recordings.sort((one, other) => one.started - other.started), partial: silent };
  }
}
