import type { CallRecord } from "../record.ts";
import { courseRules } from "./course.ts";
import type { Cause, Finding } from "./finding.ts";
import { mediaRules, pathRules } from "./path.ts";
import { ringingRules } from "./ringing.ts";
import { RecordView } from "./view.ts";

/**
 * Rules that explain the same thing: the first that fits is the cause, the others would only say less. Rules outside of these lists stand
 * beside every cause.
 */
const beside = new Set([
  "node_died",
  "network_changed",
  "moved",
  "poor_network",
  "slow_setup",
  "one_way_audio",
  "one_way_video",
]);
const rules = [...mediaRules, ...ringingRules, ...pathRules, ...courseRules];

const unknownCause: Cause = {
  code: "unknown",
  meaning: "The record does not say why.",
  proof: "No other cause fits. The text names what is missing.",
  advice: "Let the devices report (`reports`), and try again.",
};

/** Every cause that a diagnosis may name, in the order in which they are tried. */
export const causes: readonly Cause[] = [...rules, unknownCause];

/**
 * What became of a session and why, the cause first. Pure: the same record has the same findings. A session that lives has findings as
 * far as it has come. There is at least one finding for a session that is over.
 */
export function diagnose(record: CallRecord): Finding[] {
  const view = new RecordView(record);
  const causesFound: Finding[] = [];
  const others: Finding[] = [];
  for (const rule of rules) {
    const found = rule.find(view);
    if (found === undefined) continue;
    const isBeside = beside.has(rule.code) || found.beside === true;
    if (!isBeside && causesFound.length > 0) continue;
    const { certainty, text, rows = [] } = found;
    const finding: Finding = { code: rule.code, certainty, text, advice: rule.advice, rows: [...rows] };
    if (isBeside) others.push(finding);
    else causesFound.push(finding);
  }
  if (causesFound.length === 0 && view.isOver) causesFound.push(unknown(view));
  // A call that one end did not hear was not without fault.
  const isOneWay = others.some(({ code }) => code.startsWith("one_way"));
  return [...causesFound.filter(({ code }) => !isOneWay || code !== "no_fault"), ...others];
}

function unknown(view: RecordView): Finding {
  const { reason, skippedRows } = view.record;
  const missing: string[] = [];
  const silent = view.ends.filter(({ leg }) => leg?.last === undefined);
  if (silent.length > 0) missing.push(`reports of ${silent.map(({ name }) => name).join(" and ")}`);
  if (skippedRows > 0) missing.push(`${skippedRows} rows that did not fit`);
  const lacks = missing.length === 0 ? "" : ` Missing: ${missing.join(", ")}.`;
  return {
    code: unknownCause.code,
    certainty: "unknown",
    text: `The session ended (${reason ?? "no reason"}), and the record does not say why.${lacks}`,
    advice: unknownCause.advice,
    rows: view.endRows,
  };
}
