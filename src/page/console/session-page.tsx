import { useSignal } from "@preact/signals";
import { bitrateText, delayText, shareText } from "../figures.tsx";
import type { Console } from "./console.ts";
import type { RecordLeg, SessionRecord } from "./flow.ts";
import { sessionText } from "./flow-text.ts";
import { FlowView } from "./flow-view.tsx";
import { Answered, DeviceName, List, Title } from "./list.tsx";
import { placeHref } from "./place.ts";
import { liveEvery, usePolled } from "./polled.ts";
import { EndButton, type LiveSession } from "./sessions.tsx";
import { momentText, plain, spanText } from "./text.ts";

/** One session: the diagnosis, the call flow, the media of each device; while it lives, what can be done about it. */
export function SessionPage({ owner, session }: { owner: Console; session: string }) {
  const over = useSignal<string | undefined>(undefined);
  const polled = usePolled(
    owner,
    `record ${session}`,
    async (api) => {
      const record = (await api.getRecord({ session })) as unknown as SessionRecord;
      if (record.state === "ended" || record.state === "refused") over.value = session;
      return record;
    },
    over.value === session ? 30_000 : liveEvery,
  );
  if (polled.problem !== undefined)
    return (
      <>
        <Title>Session</Title>
        <p class="blank">
          {polled.problem} <a href={placeHref("records")}>Look among the records</a>
        </p>
      </>
    );
  return (
    <Answered polled={polled} isEmpty={() => false} empty="">
      {(record) => (
        <>
          <div class="section-head">
            <h1 class="title">
              <a href={placeHref("records", undefined, { user: record.caller.user })}>{record.caller.user}</a>
              {" → "}
              <a href={placeHref("records", undefined, { user: record.callee.user })}>{record.callee.user}</a>
            </h1>
            <Copies owner={owner} record={record} />
          </div>
          <p class="muted">{courseText(record)}</p>
          <Findings record={record} />
          {over.value !== session && <Live owner={owner} session={session} />}
          <FlowView record={record} />
          <Legs legs={record.legs} />
        </>
      )}
    </Answered>
  );
}

/** How it went, in one line. */
function courseText({
  state,
  kind,
  reason,
  startedAt,
  acceptedAt,
  connectedAt,
  endedAt,
  node,
}: SessionRecord) {
  const since = (at: number | undefined) => (at === undefined ? undefined : spanText(at - startedAt));
  return [
    `${kind}, ${state}${reason === undefined ? "" : ` (${reason.replaceAll("_", " ")})`}`,
    momentText(startedAt, Date.now()),
    acceptedAt !== undefined && `accepted after ${since(acceptedAt)}`,
    connectedAt !== undefined && `media after ${since(connectedAt)}`,
    endedAt !== undefined && `over after ${since(endedAt)}`,
    `node ${node}`,
  ]
    .filter(Boolean)
    .join(" · ");
}

function Findings({ record: { diagnosis, state } }: { record: SessionRecord }) {
  if (diagnosis.length === 0)
    return <p class="finding none">{state === "active" ? "So far nothing is wrong." : "It is under way."}</p>;
  return (
    <ol class="findings" aria-label="Diagnosis">
      {diagnosis.map(({ code, certainty, text, advice }, index) => (
        <li key={code} class={`finding ${lookOf(code, advice)}`}>
          <b class="number" aria-hidden="true">
            {index + 1}
          </b>
          <div>
            <p class="finding-text">{plain(text)}</p>
            {code !== "no_fault" && <p>{advice}</p>}
            <p class="muted small">
              {certainty} · <code>{code}</code>
            </p>
          </div>
        </li>
      ))}
    </ol>
  );
}

/** Where somebody declined, or nobody was there, is nothing to mend. */
function lookOf(code: string, advice: string): string {
  if (code === "no_fault") return "fine";
  return /^Nothing( is wrong|,)/.test(advice) ? "plain" : "";
}

function Copies({ owner, record }: { owner: Console; record: SessionRecord }) {
  const copy = (what: string, text: string) => {
    navigator.clipboard.writeText(text).then(
      () => owner.say(`${what} is on the clipboard.`),
      () => owner.say("This page may not use the clipboard."),
    );
  };
  return (
    <div class="actions start">
      <button type="button" class="button small" onClick={() => copy("The text", sessionText(record))}>
        Copy text
      </button>
      <button
        type="button"
        class="button small"
        onClick={() => copy("The JSON", JSON.stringify(record, null, 2))}
      >
        Copy JSON
      </button>
      <button type="button" class="button small" onClick={() => copy("The link", location.href)}>
        Copy link
      </button>
    </div>
  );
}

/** What can be done about a session that lives. */
function Live({ owner, session }: { owner: Console; session: string }) {
  const { value } = usePolled(owner, `live ${session}`, (api) => api.getSession({ session }));
  if (value === undefined || !owner.may("sessions:write")) return null;
  return (
    <div class="actions start">
      <EndButton owner={owner} session={value} />
      {value.state === "active" && (
        <button
          type="button"
          class="button small"
          onClick={() => void owner.act("Both ends restart ICE.", (api) => api.restartSession({ session }))}
        >
          Restart ICE
        </button>
      )}
      {value.state === "active" && value.kind === "call" && <Move owner={owner} session={value} />}
    </div>
  );
}

/** Hands an end of the call to another device of its user. */
function Move({ owner, session: { session, legs } }: { owner: Console; session: LiveSession }) {
  const users = [...new Set(legs.map(({ user }) => user))];
  const { value } = usePolled(
    owner,
    `devices of ${users.join(" ")}`,
    async (api) =>
      (await Promise.all(users.map((user) => api.listDevices({ user })))).flatMap(({ items }) => items),
    5_000,
  );
  const others = (value ?? []).filter(
    ({ user, device }) => !legs.some((leg) => leg.user === user && leg.device === device),
  );
  if (others.length === 0) return null;
  return (
    <select
      class="input move"
      aria-label="Move to another device"
      value=""
      onChange={(event) => {
        const other = others[Number(event.currentTarget.value)];
        event.currentTarget.value = "";
        if (other === undefined) return;
        const { user, device } = other;
        void owner.act(`${user}/${device} rings.`, (api) => api.moveSession({ session, user, device }));
      }}
    >
      <option value="">Move to…</option>
      {others.map(({ user, device, name }, index) => (
        <option key={`${user}/${device}`} value={index}>
          {user}: {plain(name ?? device)}
        </option>
      ))}
    </select>
  );
}

/** The media of each device, as it reported. */
function Legs({ legs }: { legs: readonly RecordLeg[] }) {
  return (
    <List
      label="Devices"
      entries={legs}
      keyOf={({ user, device }) => `${user}/${device}`}
      columns={[
        ["Device", ({ user, device }) => <DeviceName user={user} device={device} />, "wide"],
        ["Protocol", ({ protocol }) => protocol],
        ["Connection", ({ states, reason }) => states.at(-1) ?? reason?.replaceAll("_", " ") ?? "–"],
        ["Path", ({ last }) => (last?.path === "relay" ? "TURN" : (last?.path ?? "–"))],
        ["Delay", ({ last, worst }) => withWorst(delayText(last?.rtt), delayText(worst.rtt)), "number"],
        [
          "Lost in",
          ({ last, worst }) => withWorst(shareText(last?.lossIn), shareText(worst.lossIn)),
          "number",
        ],
        ["In", ({ last }) => bitrateText(last?.bitrateIn) ?? "–", "number"],
        ["Out", ({ last }) => bitrateText(last?.bitrateOut) ?? "–", "number"],
      ]}
    />
  );
}

function withWorst(last: string | undefined, worst: string | undefined): string {
  if (last === undefined) return "–";
  return worst === undefined || worst === last ? last : `${last} (at worst ${worst})`;
}
