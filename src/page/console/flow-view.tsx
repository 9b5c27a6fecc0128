import { useSignal } from "@preact/signals";
import { useMemo } from "preact/hooks";
import { mediaText } from "../ladder-text.ts";
import { type Flow, flowOf, type Rung, type SessionRecord, type Step } from "./flow.ts";
import { Name } from "./list.tsx";
import { clip, plain, spanText } from "./text.ts";

/** A pause from which on it is shown. ms */
const leastGap = 200;

/** A session as a call flow: a lifeline for each party, time going down, media as a cord. */
export function FlowView({ record }: { record: SessionRecord }) {
  const flow = useMemo(() => flowOf(record), [record]);
  const { lanes, phases } = flow;
  let before = 0;
  return (
    <section
      class="flow"
      aria-label="Call flow"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls sideways where there are many devices
      tabIndex={0}
      style={{ "--lanes": lanes.length }}
    >
      <div class="flow-lanes" aria-hidden="true">
        {lanes.map(({ party, name, device }) => (
          <span key={party}>
            <b>
              <Name of={name} most={24} />
            </b>
            {device !== undefined && <small title={device}>{clip(device, 12)}</small>}
          </span>
        ))}
      </div>
      {phases.map(({ name, steps }, number) => (
        <section class="flow-phase" key={number} aria-label={name}>
          <h2>{name}</h2>
          <ol>
            <li class="lifelines-behind" aria-hidden="true">
              {lanes.map(({ party }, at) => (
                <i key={party} style={{ "--at": at }} />
              ))}
            </li>
            {steps.map((step, index) => {
              const at = "rung" in step ? step.rung.at : step.cord.at;
              const gap = at - before;
              before = Math.max(before, at);
              return <StepView key={index} step={step} gap={gap} flow={flow} record={record} />;
            })}
          </ol>
        </section>
      ))}
      {record.skippedRows > 0 && (
        <p class="muted small">{record.skippedRows} messages in between did not fit into the record.</p>
      )}
    </section>
  );
}

function StepView({
  step,
  gap,
  flow,
  record,
}: {
  step: Step;
  gap: number;
  flow: Flow;
  record: SessionRecord;
}) {
  const pause = gap >= leastGap && (
    <li class="flow-gap" style={{ "--gap": `${Math.min(56, Math.round(10 * Math.log2(gap / 100)))}px` }}>
      <span class="at">⋮ {spanText(gap)}</span>
    </li>
  );
  if ("rung" in step)
    return (
      <>
        {pause}
        <RungView rung={step.rung} flow={flow} record={record} />
      </>
    );
  const { from, to, relayed, delay, at } = step.cord;
  return (
    <>
      {pause}
      <li class={relayed ? "flow-step cord relayed" : "flow-step cord"}>
        <span class="at">{clock(at)}</span>
        <span class="cord-line" style={columns(from, to, 1)}>
          <span class="link-line" aria-hidden="true" />
          <span class="media-text">
            <span class="sr">
              Media between {flow.lanes[from]?.name} and {flow.lanes[to]?.name}:{" "}
            </span>
            {mediaText({ relayed, ...(delay !== undefined && { delay }) })}
          </span>
        </span>
      </li>
    </>
  );
}

function RungView({ rung, flow, record }: { rung: Rung; flow: Flow; record: SessionRecord }) {
  const open = useSignal(false);
  const proofs = record.diagnosis.flatMap(({ rows }, index) =>
    rows.some((row) => rung.rows.includes(row)) ? [index + 1] : [],
  );
  const { lanes } = flow;
  return (
    <li class={proofs.length === 0 ? "flow-step" : "flow-step proof"}>
      <span class="at">{clock(rung.at)}</span>
      <button
        type="button"
        class="rung-button"
        aria-expanded={open.value}
        onClick={() => {
          open.value = !open.value;
        }}
      >
        {rung.hops.map(({ from, to, label, mark, failed }, index) => (
          <span
            key={index}
            class={`hop ${from < to ? "to-right" : "to-left"}${failed ? " failed" : ""}`}
            style={columns(from, to)}
          >
            <span class="sr">
              {lanes[from]?.name} to {lanes[to]?.name}:{" "}
            </span>
            <span class="rung-label" title={plain(label)}>
              <span>{plain(label)}</span>
              {mark !== undefined && <em> {plain(mark)}</em>}
            </span>
          </span>
        ))}
        {proofs.length > 0 && (
          <span class="proofs">
            <span class="sr">Proves finding </span>
            {proofs.join(" ")}
          </span>
        )}
      </button>
      {open.value && (
        <pre>{plain(rung.rows.map((row) => JSON.stringify(record.ladder[row], null, 1)).join("\n"))}</pre>
      )}
    </li>
  );
}

/** The columns between two lifelines, each of which has one to its left and one to its right. `before`: columns ahead of all. */
function columns(from: number, to: number, before = 0): { gridColumn: string } {
  const [first, last] = from < to ? [from, to] : [to, from];
  return { gridColumn: `${before + 2 * first + 2} / ${before + 2 * last + 2}` };
}

/** ms since the session began: `0.000`, `1:02.120`. */
function clock(ms: number): string {
  const minutes = Math.floor(ms / 60_000);
  const seconds = ((ms % 60_000) / 1_000).toFixed(3);
  return minutes === 0 ? seconds : `${minutes}:${seconds.padStart(6, "0")}`;
}
