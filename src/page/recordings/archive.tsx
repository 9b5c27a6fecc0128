import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { base } from "../base.ts";
import { Head } from "../head.tsx";
import { Picture } from "./picture.tsx";
import { Player } from "./player.tsx";
import { durationText, type Listed, type Recording, RecordingsApi } from "./recordings-api.ts";
import { type Moment, Timeline } from "./timeline.ts";

type Found =
  | { readonly state: "none" | "looking" }
  | { readonly state: "found"; readonly listed: Listed; readonly timeline: Timeline }
  | { readonly state: "refused"; readonly reason: string };

/** The page of recordings: those of one stream, newest first, and a player with a timeline over all of them. */
export function Archive({ stream, token: given }: { stream: string; token: string | undefined }) {
  const name = useSignal(stream);
  const token = useSignal(given);
  const api = useSignal(new RecordingsApi(stream, given));
  const found = useSignal<Found>({ state: "none" });
  const moment = useSignal<Moment | undefined>(undefined);
  const said = useSignal("");

  const look = async () => {
    const asked = new RecordingsApi(name.peek().trim(), token.peek());
    api.value = asked;
    found.value = { state: "looking" };
    moment.value = undefined;
    said.value = "";
    const answer = await asked.list();
    if (api.peek() !== asked) return;
    if ("refused" in answer) found.value = { state: "refused", reason: answer.refused };
    else {
      const timeline = new Timeline(answer.value.recordings);
      found.value = { state: "found", listed: answer.value, timeline };
    }
  };
  const record = async (wanted: boolean) => {
    const answer = await api.peek().record(wanted);
    if ("refused" in answer) said.value = answer.refused;
    else await look();
  };
  useEffect(() => {
    if (stream !== "") void look();
  }, []);

  const { value } = found;
  const refused = value.state === "refused" || said.value !== "";
  return (
    <>
      <Head>
        <a class="button small quiet" href={`${base}/live`}>
          Watch live
        </a>
      </Head>
      <main class="recordings">
        <h1 class="title">Recordings</h1>
        <form
          onSubmit={(event) => {
            event.preventDefault();
            void look();
          }}
        >
          <label class="field">
            <span>Name of the stream</span>
            <input
              required
              maxLength={128}
              spellcheck={false}
              autocapitalize="none"
              value={name.value}
              onInput={(event) => {
                name.value = event.currentTarget.value;
              }}
            />
          </label>
          {(refused || token.value !== undefined) && (
            <label class="field">
              <span>Token</span>
              <input
                spellcheck={false}
                autocomplete="off"
                value={token.value ?? ""}
                onInput={(event) => {
                  token.value = event.currentTarget.value.trim() || undefined;
                }}
              />
            </label>
          )}
          <button type="submit" class="button primary">
            Look
          </button>
          {value.state === "found" && value.listed.live && (
            <RecordButton recording={value.listed.recording} record={record} />
          )}
        </form>
        {value.state === "found" && moment.value !== undefined && (
          <Player
            api={api.value}
            timeline={value.timeline}
            moment={moment.value}
            goTo={(other) => {
              moment.value = other;
            }}
          />
        )}
        <p role="status" class="muted">
          {said.value || wordsOf(value)}
        </p>
        {value.state === "found" && (
          <ol>
            {value.listed.recordings.toReversed().map((recording) => (
              <Row
                key={recording.id}
                api={api.value}
                recording={recording}
                current={moment.value?.recording.id === recording.id}
                choose={() => {
                  moment.value = { recording, at: 0 };
                }}
              />
            ))}
          </ol>
        )}
      </main>
    </>
  );
}

function RecordButton({
  recording,
  record,
}: {
  recording: Listed["recording"];
  record: (wanted: boolean) => unknown;
}) {
  if (recording === "rule") return <p class="muted">It is live, and recorded by the server’s settings.</p>;
  return (
    <button type="button" class="button" onClick={() => void record(recording === "off")}>
      {recording === "off" ? "Record from now on" : "Stop recording"}
    </button>
  );
}

interface RowProps {
  readonly api: RecordingsApi;
  readonly recording: Recording;
  readonly current: boolean;
  choose(): void;
}

function Row({ api, recording, current, choose }: RowProps) {
  const { from, seconds, bytes, picture, url, container, id } = recording;
  const download = async () => {
    const source = await api.loadable(url);
    if (source === undefined) return;
    const link = document.createElement("a");
    link.href = source;
    link.download = `${api.stream}-${id}.${container}`;
    link.click();
  };
  return (
    <li>
      <button type="button" class="button row" aria-current={current} onClick={choose}>
        <Picture api={api} url={picture} />
        <span>
          <strong>
            {new Date(from).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" })}
          </strong>
          <span class="muted">
            {durationText(seconds)} · {(bytes / 1e6).toFixed(1)} MB
          </span>
        </span>
      </button>
      <button type="button" class="button quiet" onClick={() => void download()}>
        Download
      </button>
    </li>
  );
}

function wordsOf(found: Found): string {
  if (found.state === "looking") return "Looking…";
  if (found.state === "refused") return found.reason;
  if (found.state !== "found") return "";
  const { recordings, elsewhere, partial = [] } = found.listed;
  const nodes = [...new Set(elsewhere.map(({ node }) => node))];
  return [
    recordings.length === 0 && nodes.length === 0 && "There are no recordings of this stream.",
    nodes.length > 0 && `${elsewhere.length} more on the server ${nodes.join(", ")}.`,
    partial.length > 0 && `${partial.join(", ")} did not answer.`,
  ]
    .filter((one) => one !== false)
    .join(" ");
}
